//! The graph as a picture: four columns, phones, sites and edges, groups, trunks, with the links between.

use std::{collections::BTreeMap, fmt::Write};

use super::lanes::{Place, Way, ways};
use super::{Link, Node, Relation, Status, Topology};
use crate::entity::{EntityKind, EntityRef};

const BOX: (f64, f64) = (232.0, 46.0);
const COLUMN: f64 = 372.0;
const ROW: f64 = 66.0;
const MARGIN: f64 = 36.0;
const TOP: f64 = 112.0;
const LEGEND: f64 = 96.0;
const HEADINGS: [&str; 4] = ["Phones", "Sites", "Edges and groups", "Trunks"];

impl Topology {
    /// The graph as an SVG document, readable without a style sheet and in print.
    pub fn to_svg(&self) -> String {
        let columns = self.columns();
        let rows = columns.iter().map(Vec::len).max().unwrap_or(1).max(1);
        let (width, height) = (MARGIN * 2.0 + COLUMN * 3.0 + BOX.0, TOP + ROW * rows as f64 + LEGEND);
        let places = places(&columns, rows);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
             <text x=\"{MARGIN}\" y=\"46\" font-size=\"22\" font-weight=\"bold\" fill=\"#1f2933\">{}</text>\n",
            escaped(&self.title)
        );
        for (column, heading) in HEADINGS.iter().enumerate() {
            let x = MARGIN + COLUMN * column as f64;
            let _ =
                writeln!(svg, "<text x=\"{x}\" y=\"88\" font-size=\"13\" fill=\"#7b8794\">{heading}</text>");
        }
        let ways = ways(&self.links, &columns, &places, column_of, BOX.1);
        for (link, way) in self.links.iter().zip(&ways) {
            draw_link(&mut svg, link, way, &places);
        }
        for (entity, node) in &self.nodes {
            if let Some(place) = places.get(entity) {
                draw_node(&mut svg, node, *place);
            }
        }
        draw_legend(&mut svg, height - LEGEND + 34.0);
        svg.push_str("</svg>\n");
        svg
    }

    /// Who stands in which column, from top to bottom. Things follow what they are linked with, so that few lines cross.
    fn columns(&self) -> [Vec<EntityRef>; 4] {
        let mut columns: [Vec<EntityRef>; 4] = Default::default();
        for entity in self.nodes.keys() {
            columns[column_of(*entity)].push(*entity);
        }
        columns[1].sort_by_key(|site| self.nodes[site].label.clone());
        for column in [0, 2, 3, 1, 0, 2, 3] {
            let order: BTreeMap<EntityRef, f64> = columns
                .iter()
                .flat_map(|list| {
                    let half = list.len() as f64 / 2.0;
                    list.iter().enumerate().map(move |(row, entity)| (*entity, row as f64 - half))
                })
                .collect();
            let mut keyed: Vec<_> = columns[column].iter().map(|e| (self.weight(*e, &order), *e)).collect();
            keyed.sort_by(|a, b| {
                a.0.total_cmp(&b.0).then_with(|| self.nodes[&a.1].label.cmp(&self.nodes[&b.1].label))
            });
            columns[column] = keyed.into_iter().map(|(_, entity)| entity).collect();
        }
        columns
    }

    /// The mean row of what an entity is linked with in other columns.
    fn weight(&self, entity: EntityRef, order: &BTreeMap<EntityRef, f64>) -> f64 {
        let others = self.links.iter().filter_map(|link| {
            if link.from == entity { Some(link.to) } else { (link.to == entity).then_some(link.from) }
        });
        let rows: Vec<f64> = others
            .filter(|other| column_of(*other) != column_of(entity))
            .filter_map(|other| order.get(&other).copied())
            .collect();
        if rows.is_empty() { f64::MAX } else { rows.iter().sum::<f64>() / rows.len() as f64 }
    }
}

fn column_of(entity: EntityRef) -> usize {
    let kind = entity.kind();
    if kind == EntityKind::Phone {
        0
    } else if kind == EntityKind::Site {
        1
    } else if matches!(kind, EntityKind::Edge | EntityKind::EdgeGroup | EntityKind::TrunkGroup) {
        2
    } else {
        3
    }
}

/// The middle of each box; short columns are spread over the height.
fn places(columns: &[Vec<EntityRef>; 4], rows: usize) -> BTreeMap<EntityRef, Place> {
    let mut places = BTreeMap::new();
    for (column, list) in columns.iter().enumerate() {
        let step = ROW * rows as f64 / list.len().max(1) as f64;
        for (row, entity) in list.iter().enumerate() {
            let x = MARGIN + COLUMN * column as f64 + BOX.0 / 2.0;
            places.insert(*entity, (x, TOP + step * (row as f64 + 0.5) - ROW / 2.0 + BOX.1 / 2.0));
        }
    }
    places
}

fn draw_node(svg: &mut String, node: &Node, (x, y): Place) {
    let (left, top) = (x - BOX.0 / 2.0, y - BOX.1 / 2.0);
    let radius = if node.entity.kind() == EntityKind::Site { 20 } else { 6 };
    let dashed = if node.status == Status::OutOfService { " stroke-dasharray=\"4 3\"" } else { "" };
    let _ = writeln!(
        svg,
        "<g><title>{title}</title><rect x=\"{left}\" y=\"{top}\" width=\"{w}\" height=\"{h}\" rx=\"{radius}\" \
         fill=\"{fill}\" stroke=\"#52606d\"{dashed}/>\
         <text x=\"{x}\" y=\"{first}\" font-size=\"{size}\" text-anchor=\"middle\" fill=\"#1f2933\">{label}</text>\
         <text x=\"{x}\" y=\"{second}\" font-size=\"10.5\" text-anchor=\"middle\" fill=\"#616e7c\">{kind}</text></g>",
        title = escaped(&format!("{} ({}): {}", node.label, node.kind, node.status.label())),
        w = BOX.0,
        h = BOX.1,
        fill = node.status.colour(),
        first = y - 2.0,
        label = escaped(&shortened(&node.label, 32)),
        size = if node.label.chars().count() > 26 { 11.5 } else { 13.0 },
        second = y + 14.0,
        kind = escaped(&format!("{} · {}", node.kind, node.status.label())),
    );
}

fn draw_link(svg: &mut String, link: &Link, way: &Way, places: &BTreeMap<EntityRef, Place>) {
    let (Some(&(x1, y1)), Some(&(x2, y2))) = (places.get(&link.from), places.get(&link.to)) else { return };
    // Two relations of one pair of boxes run side by side.
    let beside = match link.relation {
        Relation::Outbound => -5.0,
        Relation::Inbound => 5.0,
        Relation::SecondaryEdge => 4.0,
        Relation::PrimaryEdge => -4.0,
        Relation::PhoneOfSite
        | Relation::EdgeOfSite
        | Relation::EdgeOfGroup
        | Relation::TrunkOfEdges
        | Relation::TrunkOfGroup => 0.0,
    };
    let (from, to) = ((x1, y1 + beside), (x2, y2 + beside));
    let (colour, dash) = stroke(link.relation);
    let dash = if dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dash}\"") };
    let path = if column_of(link.from) == column_of(link.to) {
        let x = from.0 + BOX.0 / 2.0;
        let bend = x + 26.0 + (from.1 - to.1).abs() / 12.0;
        format!("M {x} {} C {bend} {}, {bend} {}, {x} {}", from.1, from.1, to.1, to.1)
    } else {
        let side = if from.0 < to.0 { 1.0 } else { -1.0 };
        let (half, bend) = (side * BOX.0 / 2.0, side * 70.0);
        let (mut x, mut y) = (from.0 + half, from.1);
        let mut path = format!("M {x} {y}");
        let mut curve = |to_x: f64, to_y: f64, on: f64| {
            let _ = write!(path, " C {} {y}, {} {to_y}, {to_x} {to_y}", x + bend, to_x - bend);
            (x, y) = (to_x + on, to_y);
            if on != 0.0 {
                let _ = write!(path, " H {x}");
            }
        };
        for (column, height) in way {
            let middle = MARGIN + COLUMN * *column as f64 + BOX.0 / 2.0;
            curve(middle - half, *height, half * 2.0);
        }
        curve(to.0 - half, to.1, 0.0);
        path
    };
    let _ =
        writeln!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\"{dash}/>");
}

/// Colour and dashes of a relation.
const fn stroke(relation: Relation) -> (&'static str, &'static str) {
    match relation {
        Relation::PhoneOfSite => ("#9aa5b1", ""),
        Relation::PrimaryEdge => ("#0b7a75", ""),
        Relation::SecondaryEdge => ("#0b7a75", "5 4"),
        Relation::EdgeOfSite | Relation::EdgeOfGroup => ("#7b61a8", ""),
        Relation::TrunkOfEdges | Relation::TrunkOfGroup => ("#7b61a8", "2 3"),
        Relation::Outbound => ("#c2571a", ""),
        Relation::Inbound => ("#2b6cb0", "5 4"),
    }
}

fn draw_legend(svg: &mut String, y: f64) {
    const LINES: [(&str, Relation); 7] = [
        ("belongs to site", Relation::PhoneOfSite),
        ("primary edge", Relation::PrimaryEdge),
        ("secondary edge", Relation::SecondaryEdge),
        ("edge of site or group", Relation::EdgeOfSite),
        ("trunk of group", Relation::TrunkOfGroup),
        ("outbound route", Relation::Outbound),
        ("inbound calls", Relation::Inbound),
    ];
    const STATES: [Status; 5] =
        [Status::Up, Status::Degraded, Status::Down, Status::OutOfService, Status::Unknown];
    for (index, (label, relation)) in LINES.iter().enumerate() {
        let x = MARGIN + 182.0 * index as f64;
        let (colour, dash) = stroke(*relation);
        let dash = if dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dash}\"") };
        let _ = writeln!(
            svg,
            "<path d=\"M {x} {y} h 30\" stroke=\"{colour}\" stroke-width=\"2\"{dash}/>\
             <text x=\"{}\" y=\"{}\" font-size=\"11.5\" fill=\"#52606d\">{label}</text>",
            x + 38.0,
            y + 4.0
        );
    }
    for (index, status) in STATES.iter().enumerate() {
        let x = MARGIN + 182.0 * index as f64;
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{}\" width=\"30\" height=\"14\" rx=\"3\" fill=\"{}\" stroke=\"#52606d\"/>\
             <text x=\"{}\" y=\"{}\" font-size=\"11.5\" fill=\"#52606d\">{}</text>",
            y + 19.0,
            status.colour(),
            x + 38.0,
            y + 30.0,
            status.label()
        );
    }
}

fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest - 1).chain(['…']).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
