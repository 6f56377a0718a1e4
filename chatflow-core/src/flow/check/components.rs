//! Groups of steps that lead to one another.

/// The strongly connected groups of a graph, found in one pass (Tarjan's) that keeps its own
/// stack, as a chain of 10,000 steps is deeper than a thread's.
pub(super) struct Components {
    /// The group of each node. What a group leads to has a lower number.
    pub(super) of: Vec<usize>,
    /// The nodes of each group.
    pub(super) members: Vec<Vec<usize>>,
    /// Whether a group goes round: it has several nodes, or one that leads to itself.
    pub(super) is_cyclic: Vec<bool>,
}

const UNSEEN: usize = usize::MAX;

impl Components {
    pub(super) fn of(edges: &[Vec<usize>]) -> Self {
        let count = edges.len();
        let mut found = Self {
            of: vec![UNSEEN; count],
            members: Vec::new(),
            is_cyclic: Vec::new(),
        };
        let mut number = vec![UNSEEN; count];
        let mut lowest = vec![0; count];
        let mut next = 0;
        let mut open = Vec::new();
        let mut path: Vec<(usize, usize)> = Vec::new();
        for start in 0..count {
            if number[start] != UNSEEN {
                continue;
            }
            path.push((start, 0));
            while let Some((node, edge)) = path.last_mut() {
                let node = *node;
                if *edge == 0 {
                    number[node] = next;
                    lowest[node] = next;
                    next += 1;
                    open.push(node);
                }
                if let Some(&to) = edges[node].get(*edge) {
                    *edge += 1;
                    if number[to] == UNSEEN {
                        path.push((to, 0));
                    } else if found.of[to] == UNSEEN {
                        lowest[node] = lowest[node].min(number[to]);
                    }
                    continue;
                }
                path.pop();
                if let Some(&(before, _)) = path.last() {
                    lowest[before] = lowest[before].min(lowest[node]);
                }
                if lowest[node] == number[node] {
                    found.close(&mut open, node, edges);
                }
            }
        }
        found
    }

    fn close(&mut self, open: &mut Vec<usize>, root: usize, edges: &[Vec<usize>]) {
        let mut members = Vec::new();
        while let Some(node) = open.pop() {
            self.of[node] = self.members.len();
            members.push(node);
            if node == root {
                break;
            }
        }
        let is_cyclic = members.len() > 1 || edges[root].contains(&root);
        members.sort_unstable();
        self.members.push(members);
        self.is_cyclic.push(is_cyclic);
    }
}

/// The shortest way round from a node back to itself that stays within what is allowed.
pub(super) fn shortest_circle(
    edges: &[Vec<usize>],
    start: usize,
    is_allowed: impl Fn(usize) -> bool,
) -> Vec<usize> {
    let mut before = std::collections::BTreeMap::new();
    let mut reached = std::collections::VecDeque::from([start]);
    while let Some(node) = reached.pop_front() {
        for &to in &edges[node] {
            if to == start {
                let mut circle = vec![start];
                let mut at = node;
                while at != start {
                    circle.push(at);
                    at = before[&at];
                }
                circle.push(start);
                circle.reverse();
                return circle;
            }
            if is_allowed(to) && !before.contains_key(&to) {
                before.insert(to, node);
                reached.push_back(to);
            }
        }
    }
    vec![start]
}

/// A number for each node, from 1, so that most ways lead upwards: the order in which a walk
/// closes nodes, turned round.
pub(super) fn ranks(edges: &[Vec<usize>]) -> Vec<usize> {
    let mut rank = vec![0; edges.len()];
    let mut is_seen = vec![false; edges.len()];
    let mut next = edges.len();
    let mut path = Vec::new();
    for start in (0..edges.len()).rev() {
        if !std::mem::replace(&mut is_seen[start], true) {
            path.push((start, 0));
        }
        while let Some((node, edge)) = path.last_mut() {
            if let Some(&to) = edges[*node].get(*edge) {
                *edge += 1;
                if !std::mem::replace(&mut is_seen[to], true) {
                    path.push((to, 0));
                }
            } else {
                rank[*node] = next;
                next -= 1;
                path.pop();
            }
        }
    }
    rank
}
