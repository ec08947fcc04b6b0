//! What holds for any stream.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::layer::fuzzing::{list_tar, tar_archive, tar_archives, tar_walker};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_read_alike_however_they_are_cut(bytes in vec(any::<u8>(), 0..3000)) {
        tar_walker(&bytes);
    }

    #[test]
    fn any_archive_is_read_alike_however_it_is_cut(choices in vec(any::<u8>(), 0..200)) {
        tar_archives(&choices);
    }

    #[test]
    fn a_changed_archive_is_read_alike_however_it_is_cut(
        choices in vec(any::<u8>(), 0..200),
        changes in vec((any::<u16>(), any::<u8>()), 0..8),
    ) {
        let mut archive = tar_archive(&choices);
        for (at, byte) in changes {
            if let Some(place) = archive.get_mut(usize::from(at)) {
                *place = byte;
            }
        }
        tar_walker(&archive);
    }
}

#[test]
fn most_written_archives_are_readable() {
    let (mut entries, mut errors) = (0, 0);
    for seed in 0..500_u32 {
        let choices: Vec<u8> = (0..300_u32).map(|at| mix(seed, at)).collect();
        let listing = list_tar(&tar_archive(&choices));
        entries += listing.entries.len();
        errors += usize::from(listing.error.is_some());
    }
    assert!(errors < 400 && entries > 900, "{errors} errors, {entries} entries");
}

/// A byte that looks random.
pub(super) fn mix(seed: u32, at: u32) -> u8 {
    let mut x = u64::from(seed) << 32 | u64::from(at);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ x >> 31).to_le_bytes()[0]
}
