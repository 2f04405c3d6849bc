use super::*;
use crate::protocol::frame::Inbound;

fn decode(bytes: &[u8]) -> Result<ClientMessage, DecodeError> {
    let mut inbound = Inbound::default();
    inbound.extend(bytes);
    ClientMessage::decode(inbound.take_frame(|_| usize::MAX).unwrap().unwrap())
}

fn sample_bind() -> BytesMut {
    let mut bytes = BytesMut::new();
    bind(&mut bytes, "p", "s", &[1, 0], &[Some(b"ab".as_slice()), None], &[1]);
    bytes
}

#[test]
fn bind_comes_back_as_it_was_written() {
    assert_eq!(
        decode(&sample_bind()).unwrap(),
        ClientMessage::Bind(Bind {
            portal: "p".into(),
            statement: "s".into(),
            formats: vec![1, 0],
            values: vec![Some(Bytes::from_static(b"ab")), None],
            results: vec![1],
        })
    );
}

#[test]
fn parse_comes_back_as_it_was_written() {
    let mut bytes = BytesMut::new();
    parse(&mut bytes, "s", "SELECT $1 -- 客户".as_bytes(), &[TypeId(23)]);
    assert_eq!(
        decode(&bytes).unwrap(),
        ClientMessage::Parse(Parse {
            name: "s".into(),
            text: Bytes::from("SELECT $1 -- 客户"),
            types: vec![TypeId(23)],
        })
    );
}

#[test]
fn cutting_a_message_anywhere_never_decodes_nor_panics() {
    let mut messages = vec![sample_bind()];
    for write in [
        |b: &mut BytesMut| query(b, b"SELECT 1"),
        |b: &mut BytesMut| parse(b, "s", b"SELECT $1", &[TypeId(23), TypeId(25)]),
        |b: &mut BytesMut| describe(b, &Target::Portal("p".into())),
        |b: &mut BytesMut| execute(b, "p", 5),
    ] {
        let mut bytes = BytesMut::new();
        write(&mut bytes);
        messages.push(bytes);
    }
    for whole in messages {
        let tag = whole[0];
        let body = &whole[5..];
        for cut in 0..body.len() {
            let frame = Frame { tag, body: Bytes::copy_from_slice(&body[..cut]) };
            assert!(ClientMessage::decode(frame).is_err(), "type {} cut at {cut}", tag as char);
        }
    }
}

#[test]
fn bytes_after_the_last_field_are_refused() {
    for tag in [b'S', b'H', b'X', b'c'] {
        let frame = Frame { tag, body: Bytes::from_static(b"\0") };
        assert_eq!(ClientMessage::decode(frame), Err(DecodeError::Trailing));
    }
    let frame = Frame { tag: b'Q', body: Bytes::from_static(b"SELECT 1\0; DROP TABLE x\0") };
    assert_eq!(ClientMessage::decode(frame), Err(DecodeError::Trailing));
}

#[test]
fn a_count_larger_than_the_frame_does_not_allocate_by_it() {
    let frame = Frame { tag: b'P', body: Bytes::from_static(b"\0\0\xff\xff\0\0\0\x17") };
    assert_eq!(ClientMessage::decode(frame), Err(DecodeError::Short));
}

#[test]
fn a_negative_value_length_other_than_null_is_refused() {
    let body = [b"\0\0".as_slice(), &[0, 0], &[0, 1], &(-2_i32).to_be_bytes(), &[0, 0]].concat();
    let frame = Frame { tag: b'B', body: Bytes::from(body) };
    assert_eq!(ClientMessage::decode(frame), Err(DecodeError::InvalidCount));
}

#[test]
fn a_zero_byte_in_an_error_field_does_not_start_another_field() {
    let mut bytes = BytesMut::new();
    Report::error("42501", "no\0Mforged").encode_error(&mut bytes);
    let report = Report::decode(bytes.freeze().slice(5..)).unwrap();
    assert_eq!(report.field(Report::MESSAGE), Some("no Mforged"));
}
