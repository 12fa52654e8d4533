//! The bytes of journals and snapshots: little-endian words, LEB128 integers, zigzag for signed differences.
//!
//! Nothing here panics on foreign bytes, and no length is believed before that many bytes are there.

/// Bytes that do not mean what they should; says what was being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes of {0} are broken")]
pub struct Broken(pub(crate) &'static str);

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// LEB128: 7 bits a byte, the lowest first.
pub(crate) fn put_var(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Small differences of either sign in few bytes.
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_var(out, ((value << 1) ^ (value >> 63)) as u64);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_var(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A string that may be absent: length + 1, or 0.
pub(crate) fn put_opt_str(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => {
            put_var(out, text.len() as u64 + 1);
            out.extend_from_slice(text.as_bytes());
        }
        None => out.push(0),
    }
}

/// Reads what the functions above wrote.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Fails where bytes are left over.
    pub(crate) fn finish(self, what: &'static str) -> Result<(), Broken> {
        if self.rest.is_empty() { Ok(()) } else { Err(Broken(what)) }
    }

    pub(crate) fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], Broken> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(Broken(what))?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Broken> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(Broken(what))?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> Result<u8, Broken> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, Broken> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, Broken> {
        self.array(what).map(u64::from_le_bytes)
    }

    pub(crate) fn var(&mut self, what: &'static str) -> Result<u64, Broken> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8(what)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Broken(what));
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Broken(what))
    }

    pub(crate) fn var_u32(&mut self, what: &'static str) -> Result<u32, Broken> {
        self.var(what)?.try_into().map_err(|_| Broken(what))
    }

    pub(crate) fn signed(&mut self, what: &'static str) -> Result<i64, Broken> {
        let bits = self.var(what)?;
        Ok((bits >> 1) as i64 ^ -((bits & 1) as i64))
    }

    /// How many items follow, each of at least `item_bytes_min` bytes: a count that cannot be true is refused here.
    pub(crate) fn count(&mut self, item_bytes_min: usize, what: &'static str) -> Result<usize, Broken> {
        let count = usize::try_from(self.var(what)?).map_err(|_| Broken(what))?;
        let bytes = count.checked_mul(item_bytes_min.max(1)).ok_or(Broken(what))?;
        if bytes > self.rest.len() { Err(Broken(what)) } else { Ok(count) }
    }

    pub(crate) fn bytes(&mut self, what: &'static str) -> Result<&'a [u8], Broken> {
        let len = self.count(1, what)?;
        self.take(len, what)
    }

    pub(crate) fn str(&mut self, what: &'static str) -> Result<&'a str, Broken> {
        str::from_utf8(self.bytes(what)?).map_err(|_| Broken(what))
    }

    pub(crate) fn opt_str(&mut self, what: &'static str) -> Result<Option<&'a str>, Broken> {
        let Some(len) = self.var(what)?.checked_sub(1) else {
            return Ok(None);
        };
        let len = usize::try_from(len).map_err(|_| Broken(what))?;
        str::from_utf8(self.take(len, what)?).map(Some).map_err(|_| Broken(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(value: u64, signed: i64, text in proptest::option::of(".{0,20}")) {
            let mut out = Vec::new();
            put_var(&mut out, value);
            put_signed(&mut out, signed);
            put_opt_str(&mut out, text.as_deref());
            put_bytes(&mut out, b"abc");
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.var("value"), Ok(value));
            prop_assert_eq!(reader.signed("signed"), Ok(signed));
            prop_assert_eq!(reader.opt_str("text"), Ok(text.as_deref()));
            prop_assert_eq!(reader.str("abc"), Ok("abc"));
            prop_assert_eq!(reader.finish("end"), Ok(()));
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut reader = Reader::new(&bytes);
            while !reader.is_empty() {
                let _ = (reader.var("a"), reader.opt_str("b"), reader.bytes("c"), reader.u64("d"));
                let _ = (reader.count(9, "e"), reader.u8("f"));
            }
        }
    }

    #[test]
    fn a_count_that_the_bytes_cannot_hold_is_refused() {
        let mut out = Vec::new();
        put_var(&mut out, u64::MAX);
        assert_eq!(Reader::new(&out).count(16, "posts"), Err(Broken("posts")));
    }
}
