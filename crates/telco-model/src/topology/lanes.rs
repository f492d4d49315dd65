//! Ways past a column: a link that skips a column runs between its boxes, in a lane of its own, so that no line seems to
//! end at a box it only passes.

use std::collections::BTreeMap;

use super::Link;
use crate::entity::EntityRef;

/// The middle of a box.
pub(super) type Place = (f64, f64);

/// The columns a link passes, in its direction, each with the height at which it does.
pub(super) type Way = Vec<(usize, f64)>;

/// The ways of links, in their order. `column_of` says where an entity stands, `height` how tall a box is.
pub(super) fn ways(
    links: &[Link],
    columns: &[Vec<EntityRef>; 4],
    places: &BTreeMap<EntityRef, Place>,
    column_of: impl Fn(EntityRef) -> usize,
    height: f64,
) -> Vec<Way> {
    let middles = |column: usize| columns[column].iter().filter_map(|entity| places.get(entity)).map(|p| p.1);
    let columns: Vec<Vec<f64>> = (0..columns.len()).map(|column| middles(column).collect()).collect();
    let mut lanes: BTreeMap<(usize, usize), Vec<(f64, usize)>> = BTreeMap::new();
    for (index, link) in links.iter().enumerate() {
        let (Some(from), Some(to)) = (places.get(&link.from), places.get(&link.to)) else { continue };
        let (first, last) = (column_of(link.from), column_of(link.to));
        let passed = first.min(last) + 1..first.max(last);
        for (column, middles) in columns.iter().enumerate().filter(|(column, _)| passed.contains(column)) {
            let part = (column as f64 - first as f64) / (last as f64 - first as f64);
            let straight = from.1 + (to.1 - from.1) * part;
            let gap = middles.partition_point(|middle| *middle < straight);
            lanes.entry((column, gap)).or_default().push((straight, index));
        }
    }
    let mut ways = vec![Way::new(); links.len()];
    for ((column, gap), mut through) in lanes {
        through.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let (top, bottom) = bounds(&columns[column], gap, height);
        let step = (bottom - top) / (through.len() + 1) as f64;
        for (lane, (_, index)) in through.into_iter().enumerate() {
            ways[index].push((column, top + step * (lane + 1) as f64));
        }
    }
    for (way, link) in ways.iter_mut().zip(links) {
        if column_of(link.from) > column_of(link.to) {
            way.reverse();
        }
    }
    ways
}

/// From where to where the gap above the box at a place reaches; behind the last box it is the space below.
fn bounds(middles: &[f64], gap: usize, height: f64) -> (f64, f64) {
    let above = gap.checked_sub(1).and_then(|before| middles.get(before)).map(|middle| middle + height / 2.0);
    let below = middles.get(gap).map(|middle| middle - height / 2.0);
    match (above, below) {
        (Some(top), Some(bottom)) => (top, bottom),
        (None, Some(bottom)) => (bottom - height / 2.0, bottom),
        (Some(top), None) => (top, top + height / 2.0),
        (None, None) => (0.0, height),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Relation;
    use crate::value::{EdgeId, SiteId, TrunkId};

    #[test]
    fn links_pass_between_boxes_in_lanes_of_their_own() {
        let site: EntityRef = SiteId::from_u128(1).into();
        let edges: [EntityRef; 2] = [EdgeId::from_u128(1).into(), EdgeId::from_u128(2).into()];
        let trunks: [EntityRef; 2] = [TrunkId::from_u128(1).into(), TrunkId::from_u128(2).into()];
        let columns = [vec![], vec![site], edges.to_vec(), trunks.to_vec()];
        let places = BTreeMap::from([
            (site, (0.0, 50.0)),
            (edges[0], (100.0, 0.0)),
            (edges[1], (100.0, 100.0)),
            (trunks[0], (200.0, 20.0)),
            (trunks[1], (200.0, 80.0)),
        ]);
        let link = |from, to| Link { from, to, relation: Relation::Outbound, label: String::new() };
        let links = [link(site, trunks[1]), link(site, trunks[0]), link(site, edges[0])];
        let column_of = |entity| columns.iter().position(|list| list.contains(&entity)).unwrap();
        let ways = ways(&links, &columns, &places, column_of, 40.0);
        assert_eq!(ways, [vec![(2, 60.0)], vec![(2, 40.0)], vec![]]);
    }
}
