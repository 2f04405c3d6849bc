//! Durations, sizes and addresses as people write them. Pure.

use std::net::IpAddr;
use std::time::Duration;

/// In microseconds.
const DURATION_UNITS: [(&str, u64); 7] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
    ("w", 604_800_000_000),
];

const SIZE_UNITS: [(&str, u64); 8] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// `"30s"`, `"500ms"`, `"1h30m"`: numbers, each with a unit (us, ms, s, m, h, d, w).
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut micros: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = leading_number(rest)?;
        let unit_end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(unit_end)?;
        let factor = DURATION_UNITS.iter().find(|(name, _)| *name == unit)?.1;
        micros = micros.checked_add(number.checked_mul(factor)?)?;
        rest = next.trim_start();
    }
    Some(Duration::from_micros(micros))
}

/// `"16MiB"`, `"512 KiB"`: a whole number and a unit (B, KiB, MiB, GiB, kB, MB, GB), in bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = leading_number(text.trim())?;
    let factor = SIZE_UNITS.iter().find(|(name, _)| *name == unit.trim_start())?.1;
    number.checked_mul(factor)
}

/// Host and port of `host:port`, `[::1]:port`, `host` or an IPv6 address.
pub(super) fn host_and_port(text: &str, default_port: u16) -> Option<(String, u16)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return None,
        }
    } else if text.parse::<std::net::Ipv6Addr>().is_ok() {
        (text, None)
    } else {
        match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = match port {
        Some(port) => port.parse().ok()?,
        None => default_port,
    };
    let plausible = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    (!host.is_empty() && host.chars().all(plausible)).then(|| (host.to_owned(), port))
}

/// Only reachable from this machine. A name other than `localhost` is not known to be.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units_only() {
        assert_eq!(duration("1ms50us"), Some(Duration::from_micros(1050)));
        for (text, millis) in [
            ("30s", 30_000),
            ("500ms", 500),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("90d", 7_776_000_000),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "30", "s", "30 seconds", "-1s", "1.5s", "30S", "99999999999999999999s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_read_with_their_units_only() {
        for (text, bytes) in [("16MiB", 16 << 20), ("1 KiB", 1024), ("1MB", 1_000_000), ("7B", 7)] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "16", "MiB", "16mib", "1.5MiB", "99999999999GiB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_keep_ipv6_apart_from_the_port() {
        for (text, host, port) in [
            ("127.0.0.1:6432", "127.0.0.1", 6432),
            ("db.internal", "db.internal", 5432),
            ("[::1]:6432", "::1", 6432),
            ("::1", "::1", 5432),
        ] {
            assert_eq!(host_and_port(text, 5432), Some((host.to_owned(), port)), "{text}");
        }
        for text in ["", ":5432", "host:port", "a b:1", "[::1", "[::1]x", "host:70000"] {
            assert_eq!(host_and_port(text, 5432), None, "{text}");
        }
    }
}
