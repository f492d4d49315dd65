//! The tree in which dial-plan patterns are looked up: one walk over the number, however many patterns there are.

/// Literal prefixes, each with a rank; lower is better.
#[derive(Debug)]
pub(crate) struct PrefixTree {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    best: Option<u32>,
    /// `0`–`9`, `+`, `#`.
    next: [Option<u32>; 12],
}

impl PrefixTree {
    /// Builds the tree. A prefix with a character no number has can never match and is left out.
    pub(crate) fn build<'a>(prefixes: impl IntoIterator<Item = (&'a str, u32)>) -> Self {
        let mut tree = Self { nodes: vec![Node::default()] };
        for (prefix, rank) in prefixes {
            if let Some(at) = tree.path(prefix) {
                let best = &mut tree.nodes[at].best;
                *best = Some(best.map_or(rank, |old| old.min(rank)));
            }
        }
        tree
    }

    fn path(&mut self, prefix: &str) -> Option<usize> {
        let branches: Vec<usize> = prefix.bytes().map(branch).collect::<Option<_>>()?;
        let mut at = 0;
        for branch in branches {
            at = match self.nodes[at].next[branch] {
                Some(next) => next as usize,
                None => {
                    let next = self.nodes.len();
                    self.nodes[at].next[branch] = Some(u32::try_from(next).ok()?);
                    self.nodes.push(Node::default());
                    next
                }
            };
        }
        Some(at)
    }

    /// The lowest rank among the prefixes the number starts with.
    pub(crate) fn best(&self, number: &str) -> Option<u32> {
        let mut node = &self.nodes[0];
        let mut best = node.best;
        for byte in number.bytes() {
            let Some(next) = branch(byte).and_then(|branch| node.next[branch]) else { break };
            node = &self.nodes[next as usize];
            best = match (best, node.best) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        best
    }
}

fn branch(byte: u8) -> Option<usize> {
    match byte {
        b'0'..=b'9' => Some(usize::from(byte - b'0')),
        b'+' => Some(10),
        b'#' => Some(11),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equals_a_loop_over_all_prefixes(
            prefixes in prop::collection::vec("\\+?[0-3]{0,5}", 1..30),
            numbers in prop::collection::vec("\\+?[0-4]{1,8}", 30),
        ) {
            let tree = PrefixTree::build(prefixes.iter().map(String::as_str).zip(0..));
            for number in numbers {
                let naive = prefixes.iter().zip(0u32..).find(|(p, _)| number.starts_with(p.as_str())).map(|(_, rank)| rank);
                prop_assert_eq!(tree.best(&number), naive);
            }
        }
    }
}
