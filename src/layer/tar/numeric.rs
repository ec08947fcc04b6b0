//! Numbers of tar headers: octal and base-256 fields, decimal texts, PAX times.

/// The value of a header field: octal text, or base-256 where the first bit is set.
///
/// `None` for what is neither, or does not fit.
pub(super) fn field(field: &[u8]) -> Option<i64> {
    match field.first() {
        Some(first) if first & 0x80 != 0 => base_256(field),
        _ => octal(field),
    }
}

/// The value of an octal text between spaces and NULs; an empty one is 0.
pub(super) fn octal(field: &[u8]) -> Option<i64> {
    let is_fill = |byte: &u8| matches!(byte, b' ' | 0);
    let Some(start) = field.iter().position(|byte| !is_fill(byte)) else { return Some(0) };
    let end = field.iter().rposition(|byte| !is_fill(byte)).map_or(start, |last| last + 1);
    let mut value = 0_u64;
    for byte in field[start..end].iter().take_while(|byte| **byte != 0) {
        if !matches!(byte, b'0'..=b'7') || value >> 61 != 0 {
            return None;
        }
        value = value << 3 | u64::from(byte - b'0');
    }
    i64::try_from(value).ok()
}

/// Two's complement, big-endian, with the first bit as the mark of the encoding.
fn base_256(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    let inversion = if first & 0x40 == 0 { 0 } else { 0xff };
    let mut value = u64::from((first ^ inversion) & 0x7f);
    for byte in &field[1..] {
        if value >> 56 != 0 {
            return None;
        }
        value = value << 8 | u64::from(byte ^ inversion);
    }
    let value = i64::try_from(value).ok()?;
    Some(if inversion == 0 { value } else { !value })
}

/// A decimal text with an optional sign, read byte by byte, of any length.
#[derive(Debug, Default)]
pub(super) struct Decimal {
    value: u64,
    negative: bool,
    signed: bool,
    digits: bool,
}

impl Decimal {
    /// Takes the next byte; `None` if the text is not a number, or too large for one.
    pub(super) fn push(&mut self, byte: u8) -> Option<()> {
        match byte {
            b'0'..=b'9' => {
                self.value = self.value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
                self.digits = true;
            }
            b'+' | b'-' if !self.signed && !self.digits => {
                self.signed = true;
                self.negative = byte == b'-';
            }
            _ => return None,
        }
        Some(())
    }

    /// The number, once the text is complete.
    pub(super) fn finish(&self) -> Option<i64> {
        let value = self.digits.then_some(self.value)?;
        if self.negative { 0_i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
    }
}

/// The value of a whole decimal text.
pub(super) fn decimal(text: &[u8]) -> Option<i64> {
    let mut number = Decimal::default();
    text.iter().try_for_each(|byte| number.push(*byte))?;
    number.finish()
}

/// The whole seconds, rounded down, of a PAX time such as `-1.5`.
pub(super) fn seconds(text: &[u8]) -> Option<i64> {
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &[][..]),
    };
    let seconds = decimal(whole)?;
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // A finer time than nanoseconds is cut.
    let has_fraction = fraction.iter().take(9).any(|digit| *digit != b'0');
    let before = whole.first() == Some(&b'-') && has_fraction;
    Some(if before { seconds.saturating_sub(1) } else { seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(read: fn(&[u8]) -> Option<i64>, text: &[u8], expected: Option<i64>) {
        assert_eq!(read(text), expected, "{}", text.escape_ascii());
    }

    #[test]
    fn fields_are_octal_or_base_256() {
        check(field, b"0000644\0", Some(0o644));
        check(field, b"  644 \0\0", Some(0o644));
        check(field, b"\0\0 12\0 \0", Some(0o12));
        check(field, b"77777777777 ", Some(0o77_777_777_777));
        check(field, b"777777777777", Some(0o777_777_777_777));
        check(field, b"\0\0\0\0", Some(0));
        check(field, b"", Some(0));
        check(field, b"12\x003", Some(0o12));
        check(field, b"12 \x003", None);
        check(field, b"1 2", None);
        check(field, b"128", None);
        check(field, b"-12", None);
        check(field, b"+12", None);
        check(field, b"0x12", None);
        check(field, b"\x80\0\0\x01\0", Some(0x100));
        check(field, b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Some(i64::MAX));
        check(field, b"\x80\0\0\0\x80\0\0\0\0\0\0\0", None);
        check(field, b"\x80\0\0\x01\0\0\0\0\0\0\0\0", None);
        check(field, b"\xff\xff\xff\xff", Some(-1));
        check(field, b"\xff\xff\xff\xff\x80\0\0\0\0\0\0\0", Some(i64::MIN));
        check(field, b"\xff\xff\xff\xfe\0\0\0\0\0\0\0\0", None);
    }

    #[test]
    fn decimals_have_a_sign_at_most() {
        check(decimal, b"0", Some(0));
        check(decimal, b"+5", Some(5));
        check(decimal, b"-0", Some(0));
        check(decimal, b"000000000000000000000000000000012", Some(12));
        check(decimal, b"9223372036854775807", Some(i64::MAX));
        check(decimal, b"9223372036854775808", None);
        check(decimal, b"-9223372036854775808", Some(i64::MIN));
        check(decimal, b"18446744073709551616", None);
        for text in ["", "+", "-", "--1", "1-", "5.0", "0x5", " 5", "5 ", "1_0", "\u{665}"] {
            check(decimal, text.as_bytes(), None);
        }
    }

    #[test]
    fn times_round_down() {
        check(seconds, b"1700000000", Some(1_700_000_000));
        check(seconds, b"1.999999999", Some(1));
        check(seconds, b"1.", Some(1));
        check(seconds, b"-1.5", Some(-2));
        check(seconds, b"-0.5", Some(-1));
        check(seconds, b"-1.0", Some(-1));
        check(seconds, b"-1.0000000009", Some(-1));
        for text in ["", ".5", "1.x", "1.-5", "a", "1e3"] {
            check(seconds, text.as_bytes(), None);
        }
    }
}
