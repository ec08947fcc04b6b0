//! The hash of a file's content, which tells equal contents: XXH3 with 128 bits.

use twox_hash::xxhash3_128;

use super::ContentHash;

/// Hashes one content.
pub(super) struct Hasher {
    size: u64,
    state: State,
}

enum State {
    Empty,
    /// All of it came in one piece.
    Done(u128),
    /// The state of a hash over pieces is too large for the many contents that are small.
    Pieces(Box<xxhash3_128::Hasher>),
}

impl Hasher {
    /// Starts with a content of this size.
    pub(super) fn new(size: u64) -> Self {
        Self { size, state: State::Empty }
    }

    /// Takes the next bytes, which together are `size`.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Pieces(hasher) => hasher.write(bytes),
            State::Empty if bytes.len() as u64 == self.size => {
                self.state = State::Done(xxhash3_128::Hasher::oneshot(bytes));
            }
            State::Empty => {
                let mut hasher = Box::new(xxhash3_128::Hasher::new());
                hasher.write(bytes);
                self.state = State::Pieces(hasher);
            }
            // There is no more than `size`.
            State::Done(_) => {}
        }
    }

    /// The hash of what was taken.
    pub(super) fn finish(self) -> ContentHash {
        let hash = match self.state {
            State::Empty => xxhash3_128::Hasher::oneshot(b""),
            State::Done(hash) => hash,
            State::Pieces(hasher) => hasher.finish_128(),
        };
        ContentHash(hash.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_does_not_depend_on_the_pieces() {
        let content: Vec<u8> = (0..100_000u32).map(|at| at.to_le_bytes()[0]).collect();
        for length in [0, 1, 240, 241, 1000, content.len()] {
            let content = &content[..length];
            let expected = ContentHash(xxhash3_128::Hasher::oneshot(content).to_be_bytes());
            for cut in [1, 7, 512, 99_999, 100_000] {
                let mut hasher = Hasher::new(length as u64);
                content.chunks(cut).for_each(|bytes| hasher.update(bytes));
                assert_eq!(hasher.finish(), expected, "{length} in pieces of {cut}");
            }
        }
    }

    #[test]
    fn the_hash_is_the_one_that_the_specification_gives() {
        let hash = Hasher::new(0).finish();
        assert_eq!(hex::encode(hash.0), "99aa06d3014798d86001c324468d497f");
    }
}
