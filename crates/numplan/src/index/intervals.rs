//! Which list of numbers is the first to contain a number: ranges of all plans, cut at their ends and sorted.

use std::collections::BTreeMap;

/// Digits as a value that keeps leading zeros: the length decides first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DigitKey {
    length: u8,
    value: u64,
}

impl DigitKey {
    /// `None` for anything but 1 to 19 decimal digits, the most a `u64` holds for certain.
    pub(crate) fn new(digits: &str) -> Option<Self> {
        if digits.is_empty() || digits.len() > 19 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(Self { length: u8::try_from(digits.len()).ok()?, value: digits.parse().ok()? })
    }
}

#[cfg(test)]
impl DigitKey {
    /// Whether two ends can make a range.
    pub(crate) fn same_length(&self, other: &Self) -> bool {
        self.length == other.length
    }
}

/// Ranges with the rank of the plan they belong to; where ranges overlap the lowest rank is kept.
#[derive(Debug, Default)]
pub(crate) struct Intervals {
    /// Disjoint, sorted by start.
    cuts: Vec<(DigitKey, DigitKey, u32)>,
}

impl Intervals {
    /// Builds the map from `(first, last, rank)`; both ends of a range have the same length.
    pub(crate) fn build(ranges: &[(DigitKey, DigitKey, u32)]) -> Self {
        // A sweep over the ends: at each point the lowest rank among the open ranges owns the stretch up to the next point.
        let mut edges: BTreeMap<DigitKey, (Vec<u32>, Vec<u32>)> = BTreeMap::new();
        for &(first, last, rank) in ranges {
            edges.entry(first).or_default().0.push(rank);
            edges.entry(DigitKey { value: last.value + 1, ..last }).or_default().1.push(rank);
        }
        let mut open: BTreeMap<u32, u32> = BTreeMap::new();
        let mut cuts: Vec<(DigitKey, DigitKey, u32)> = Vec::new();
        let mut from: Option<(DigitKey, u32)> = None;
        for (point, (opening, closing)) in edges {
            if let Some((start, rank)) = from.take() {
                let end = DigitKey { value: point.value - 1, ..start };
                match cuts.last_mut() {
                    Some(previous) if previous.2 == rank && touches(previous.1, start) => previous.1 = end,
                    _ => cuts.push((start, end, rank)),
                }
            }
            for rank in opening {
                *open.entry(rank).or_default() += 1;
            }
            for rank in closing {
                if let Some(count) = open.get_mut(&rank) {
                    *count -= 1;
                    if *count == 0 {
                        open.remove(&rank);
                    }
                }
            }
            from = open.first_key_value().map(|(rank, _)| (point, *rank));
        }
        Self { cuts }
    }

    /// The lowest rank whose ranges contain the digits.
    pub(crate) fn first(&self, key: DigitKey) -> Option<u32> {
        let after = self.cuts.partition_point(|(start, ..)| *start <= key);
        let (_, end, rank) = self.cuts.get(after.checked_sub(1)?)?;
        (key <= *end).then_some(*rank)
    }
}

fn touches(end: DigitKey, start: DigitKey) -> bool {
    end.length == start.length && end.value + 1 == start.value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(digits: &str) -> DigitKey {
        DigitKey::new(digits).unwrap()
    }

    #[test]
    fn leading_zeros_and_length_count() {
        let map = Intervals::build(&[(key("0010"), key("0020"), 3), (key("10"), key("20"), 1)]);
        assert_eq!(map.first(key("0015")), Some(3));
        assert_eq!(map.first(key("15")), Some(1));
        assert_eq!(map.first(key("015")), None);
    }

    #[test]
    fn lowest_rank_wins_where_ranges_overlap() {
        let map = Intervals::build(&[
            (key("100"), key("199"), 5),
            (key("150"), key("160"), 2),
            (key("155"), key("155"), 9),
        ]);
        assert_eq!(map.first(key("149")), Some(5));
        assert_eq!(map.first(key("155")), Some(2));
        assert_eq!(map.first(key("161")), Some(5));
        assert_eq!(map.first(key("200")), None);
    }

    proptest! {
        #[test]
        fn equals_a_loop_over_all_ranges(
            ranges in prop::collection::vec((0u64..1000, 0u64..200, 0u32..20), 0..40),
            probes in prop::collection::vec(0u64..1300, 50),
        ) {
            let ranges: Vec<_> = ranges
                .into_iter()
                .map(|(first, span, rank)| {
                    let last = (first + span).min(9999);
                    (DigitKey { length: 4, value: first }, DigitKey { length: 4, value: last }, rank)
                })
                .collect();
            let map = Intervals::build(&ranges);
            for value in probes {
                let probe = DigitKey { length: 4, value };
                let naive = ranges.iter().filter(|(a, b, _)| *a <= probe && probe <= *b).map(|(.., r)| *r).min();
                prop_assert_eq!(map.first(probe), naive);
            }
        }
    }
}
