//! Frames and messages of the protocol, as a client or a server may send them.

use bytes::BytesMut;
use rowgate::protocol::frame::{Frame, Inbound};
use rowgate::protocol::message::{
    ClientMessage, Report, data_row, decode_data_row, decode_parameter_description,
    decode_parameter_status, decode_row_description, parameter_description, row_description,
};

/// The cap of the frames here, smaller than that of a session so that it is reached.
const LIMIT: usize = 1 << 16;

/// The same bytes give the same frames in whatever pieces they arrive; what is decoded and encoded
/// again says the same.
pub fn check(input: &[u8]) {
    let whole = frames(input, input.len().max(1));
    let pieces = frames(input, 3);
    assert_eq!(whole, pieces, "other frames when they arrive in pieces");
    for frame in whole {
        client(&frame);
        server(&frame);
    }
    let mut startup = Inbound::default();
    startup.extend(input);
    if let Ok(Some(body)) = startup.take_startup(LIMIT) {
        assert!(body.len() + 4 <= input.len());
    }
}

fn frames(input: &[u8], piece: usize) -> Vec<Frame> {
    let mut inbound = Inbound::default();
    let mut frames = Vec::new();
    for piece in input.chunks(piece) {
        inbound.extend(piece);
        loop {
            match inbound.take_frame(|_| LIMIT) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return frames,
            }
        }
        let (end, count) = inbound.leading_run(b'D');
        assert!(end <= inbound.len() && count == 0, "a whole frame was left behind");
    }
    frames
}

fn client(frame: &Frame) {
    let Ok(message) = ClientMessage::decode(frame.clone()) else { return };
    let ClientMessage::Bind(bind) = &message else { return };
    // The formats' numbers are looked up by parameter.
    for index in 0..bind.values.len() {
        let _ = bind.format(index);
    }
    let mut encoded = BytesMut::new();
    rowgate::protocol::message::bind(
        &mut encoded,
        &bind.portal,
        &bind.statement,
        &bind.formats,
        &bind.values,
        &bind.results,
    );
    let mut inbound = Inbound::default();
    inbound.extend(&encoded);
    let again = inbound.take_frame(|_| usize::MAX).ok().flatten().map(ClientMessage::decode);
    assert_eq!(again.and_then(Result::ok).as_ref(), Some(&message), "Bind is encoded as another");
}

fn server(frame: &Frame) {
    let body = |encoded: BytesMut| encoded.freeze().slice(5..);
    if let Ok(fields) = decode_row_description(frame.body.clone()) {
        let mut encoded = BytesMut::new();
        row_description(&mut encoded, &fields);
        assert_eq!(decode_row_description(body(encoded)).ok(), Some(fields));
    }
    if let Ok(types) = decode_parameter_description(frame.body.clone()) {
        let mut encoded = BytesMut::new();
        parameter_description(&mut encoded, &types);
        assert_eq!(decode_parameter_description(body(encoded)).ok(), Some(types));
    }
    if let Ok(values) = decode_data_row(frame.body.clone()) {
        let mut encoded = BytesMut::new();
        data_row(&mut encoded, &values);
        assert_eq!(decode_data_row(body(encoded)).ok(), Some(values));
    }
    let _ = decode_parameter_status(frame.body.clone());
    if let Ok(mut error) = Report::decode(frame.body.clone()) {
        error.set(b'M', "replaced");
        error.retain(|field| field != b'D');
        assert_eq!(error.field(b'D'), None);
        let mut encoded = BytesMut::new();
        error.encode_error(&mut encoded);
        assert!(Report::decode(body(encoded)).is_ok());
    }
}
