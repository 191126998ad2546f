//! Whatever stands in a leftover, whoever reads it neither falls nor hangs.

use std::os::unix::fs::FileExt;

use proptest::prelude::*;

use super::made::Made;
use crate::recovery::recover::recover;

/// One with everything in it.
fn leftover() -> Made {
    let mut made = Made::new();
    made.page(0, 1, &[1, 4, 5], 1);
    made.page(1, 2, &[2, 3, 8], 0);
    made.page(2, 1, &[6, 7], 0);
    std::fs::write(&made.log, "{\"number\":0}\n").unwrap();
    made.under_way(b"{\"number\":2}\n", &[], Some(0));
    made
}

/// A place among those in use.
fn pick(made: &Made, place: u64) -> u64 {
    let ranges = made.used();
    let total: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    let mut left = place % total;
    for range in ranges {
        let len = range.end - range.start;
        if left < len {
            return range.start + left;
        }
        left -= len;
    }
    0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 256 }))]

    #[test]
    fn bytes_that_change_bring_nobody_down(
        changes in proptest::collection::vec((any::<u64>(), any::<u8>()), 1..8),
        words in proptest::collection::vec((any::<u64>(), prop_oneof![Just(u64::MAX), Just(1 << 63), Just(u64::from(u32::MAX)), any::<u64>()]), 0..3),
    ) {
        let made = leftover();
        for (place, byte) in changes {
            made.put(pick(&made, place), &[byte]);
        }
        for (place, word) in words {
            made.put_u64(pick(&made, place) & !7, word);
        }
        let _ = recover(&made.path);
    }

    #[test]
    fn a_cut_file_brings_nobody_down(place in any::<u64>()) {
        let made = leftover();
        made.file.set_len(pick(&made, place)).unwrap();
        let _ = recover(&made.path);
    }

    #[test]
    fn any_bytes_bring_nobody_down(bytes in proptest::collection::vec(any::<u8>(), 0..5_000), keeps_header in any::<bool>()) {
        let made = leftover();
        let start = if keeps_header { 320 } else { 0 };
        made.file.write_all_at(&bytes, start).unwrap();
        let _ = recover(&made.path);
    }

    #[test]
    fn what_lies_before_the_damage_is_recovered(numbers in 1_u64..5, damaged in 0_u64..5, bytes in any::<[u8; 4]>()) {
        let mut made = Made::new();
        made.page(0, 1, &(0..numbers).collect::<Vec<_>>(), 0);
        let (page, _) = made.layout.page(0).unwrap();
        let frame = u64::from(made.end_of(0).position) / numbers;
        let damaged = damaged.min(numbers - 1);
        made.put(page + damaged * frame, &bytes);
        let report = recover(&made.path).unwrap();
        let whole: Vec<u64> = (0..damaged).collect();
        prop_assert!(made.numbers().starts_with(&whole), "{:?} {report:?}", made.numbers());
    }
}
