//! Where the boxes of a picture go: in layers, each way leading down where it can.
//!
//! The crate `layout-rs` was looked at and left: it asserts about its input in dozens of places,
//! and a flow of a stranger's may not end this program. Everything here is bounded: no recursion,
//! a fixed number of sweeps, and at most [`BENDS_MAX`] bends.

use std::collections::BTreeMap;

/// Bends of long ways at most; beyond that they are drawn straight behind the boxes.
const BENDS_MAX: usize = 4_000;
/// How often the order inside the layers is improved.
const SWEEPS: usize = 6;
const GAP_X: f64 = 36.0;
const GAP_Y: f64 = 64.0;

/// The size of a box.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// The middle of a box, or a bend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A picture laid out.
#[derive(Debug)]
pub(super) struct Layout {
    /// The middles of the boxes.
    pub(super) boxes: Vec<Point>,
    /// The bends of each way, from its beginning to its end.
    pub(super) bends: Vec<Vec<Point>>,
    /// Which ways lead back up, or to where they begin.
    pub(super) is_back: Vec<bool>,
    pub(super) size: Size,
}

/// Lays boxes out; the first is on top. Ways name boxes by their numbers.
pub(super) fn lay_out(sizes: &[Size], ways: &[(usize, usize)]) -> Layout {
    let is_back = back_ways(sizes.len(), ways);
    let layer = layers(sizes.len(), ways, &is_back);
    // Boxes first, then bends.
    let mut items: Vec<Size> = sizes.to_vec();
    let mut layer_of = layer.clone();
    let mut links = Vec::new();
    let mut bends: Vec<Vec<usize>> = vec![Vec::new(); ways.len()];
    for (n, &(from, to)) in ways.iter().enumerate() {
        if is_back[n] {
            continue;
        }
        let between = layer[from] + 1..layer[to];
        let mut last = from;
        if items.len() - sizes.len() + between.len() <= BENDS_MAX {
            for at in between {
                items.push(Size {
                    width: 8.0,
                    height: 0.0,
                });
                layer_of.push(at);
                links.push((last, items.len() - 1));
                last = items.len() - 1;
                bends[n].push(last);
            }
        }
        links.push((last, to));
    }
    let rows = order(&layer_of, &links);
    let (points, size) = place(&rows, &items);
    Layout {
        boxes: points[..sizes.len()].to_vec(),
        bends: bends
            .into_iter()
            .map(|bends| bends.into_iter().map(|item| points[item]).collect())
            .collect(),
        is_back,
        size,
    }
}

/// The ways that close a circle, found by walking depth first without recursion.
fn back_ways(boxes: usize, ways: &[(usize, usize)]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        Open,
        Done,
    }
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); boxes];
    for (n, &(from, _)) in ways.iter().enumerate() {
        out[from].push(n);
    }
    let mut seen = vec![Seen::No; boxes];
    let mut is_back = vec![false; ways.len()];
    for root in 0..boxes {
        if seen[root] != Seen::No {
            continue;
        }
        seen[root] = Seen::Open;
        let mut path = vec![(root, 0)];
        while let Some((at, next)) = path.last_mut() {
            let Some(&way) = out[*at].get(*next) else {
                seen[*at] = Seen::Done;
                path.pop();
                continue;
            };
            *next += 1;
            let to = ways[way].1;
            match seen[to] {
                Seen::No => {
                    seen[to] = Seen::Open;
                    path.push((to, 0));
                }
                Seen::Open => is_back[way] = true,
                Seen::Done => {}
            }
        }
    }
    is_back
}

/// Each box one layer below the lowest that leads to it.
fn layers(boxes: usize, ways: &[(usize, usize)], is_back: &[bool]) -> Vec<usize> {
    let down = || {
        let ways = ways.iter().zip(is_back);
        ways.filter(|(_, is_back)| !**is_back).map(|(way, _)| *way)
    };
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); boxes];
    let mut waits_for = vec![0_usize; boxes];
    for (from, to) in down() {
        out[from].push(to);
        waits_for[to] += 1;
    }
    let mut layer = vec![0; boxes];
    let mut ready: Vec<usize> = (0..boxes).filter(|&n| waits_for[n] == 0).collect();
    while let Some(at) = ready.pop() {
        for &to in &out[at] {
            layer[to] = layer[to].max(layer[at] + 1);
            waits_for[to] -= 1;
            if waits_for[to] == 0 {
                ready.push(to);
            }
        }
    }
    layer
}

/// The items of each layer from left to right, each near what it is linked with.
fn order(layer_of: &[usize], links: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut rows: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (item, &layer) in layer_of.iter().enumerate() {
        rows.entry(layer).or_default().push(item);
    }
    let mut rows: Vec<Vec<usize>> = rows.into_values().collect();
    let (mut above, mut below) = (
        vec![Vec::new(); layer_of.len()],
        vec![Vec::new(); layer_of.len()],
    );
    for &(from, to) in links {
        below[from].push(to);
        above[to].push(from);
    }
    let mut place = vec![0.0_f64; layer_of.len()];
    let number = |row: &[usize], place: &mut Vec<f64>| {
        for (n, &item) in row.iter().enumerate() {
            place[item] = middle(n, row.len());
        }
    };
    for row in &rows {
        number(row, &mut place);
    }
    for sweep in 0..SWEEPS {
        let (near, down) = if sweep % 2 == 0 {
            (&above, true)
        } else {
            (&below, false)
        };
        let count = rows.len();
        for n in 0..count {
            let row = &mut rows[if down { n } else { count - 1 - n }];
            let mut keyed: Vec<(f64, usize)> = row
                .iter()
                .map(|&item| (mean(&near[item], &place).unwrap_or(place[item]), item))
                .collect();
            keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
            *row = keyed.into_iter().map(|(_, item)| item).collect();
            number(row, &mut place);
        }
    }
    rows
}

/// Where the nth of so many stands, from -1 to 1.
fn middle(n: usize, of: usize) -> f64 {
    // Layers have far fewer items than a float can count.
    #[allow(clippy::cast_precision_loss, reason = "see above")]
    let (n, of) = (n as f64, of as f64);
    (2.0 * n + 1.0 - of) / of
}

fn mean(near: &[usize], place: &[f64]) -> Option<f64> {
    let mut sum = 0.0;
    let mut count = 0.0;
    for &item in near {
        sum += place[item];
        count += 1.0;
    }
    (count > 0.0).then_some(sum / count)
}

/// Layers below one another, each in the middle.
fn place(rows: &[Vec<usize>], items: &[Size]) -> (Vec<Point>, Size) {
    let width_of = |row: &[usize]| {
        let widths = row.iter().map(|&item| items[item].width + GAP_X);
        widths.sum::<f64>()
    };
    let width = rows.iter().map(|row| width_of(row)).fold(0.0, f64::max) + GAP_X;
    let mut points = vec![Point { x: 0.0, y: 0.0 }; items.len()];
    let mut top = GAP_Y / 2.0;
    for row in rows {
        let heights = row.iter().map(|&item| items[item].height);
        let height = heights.fold(0.0, f64::max);
        let mut left = (width - width_of(row) + GAP_X) / 2.0;
        for &item in row {
            points[item] = Point {
                x: left + items[item].width / 2.0,
                y: top + height / 2.0,
            };
            left += items[item].width + GAP_X;
        }
        top += height + GAP_Y;
    }
    (
        points,
        Size {
            width,
            height: top - GAP_Y / 2.0,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxes(count: usize) -> Vec<Size> {
        let size = Size {
            width: 100.0,
            height: 40.0,
        };
        vec![size; count]
    }

    #[test]
    fn ways_lead_down_but_for_those_that_close_a_circle() {
        let ways = [(0, 1), (1, 2), (2, 1), (0, 2), (2, 2)];
        let layout = lay_out(&boxes(3), &ways);
        assert_eq!(layout.is_back, [false, false, true, false, true]);
        let heights: Vec<f64> = layout.boxes.iter().map(|point| point.y).collect();
        assert!(heights[0] < heights[1] && heights[1] < heights[2]);
        assert_eq!(layout.bends[3].len(), 1, "it goes round the box between");
    }

    #[test]
    fn boxes_do_not_overlap() {
        let ways: Vec<_> = (1..6).map(|to| (0, to)).collect();
        let layout = lay_out(&boxes(6), &ways);
        let mut row: Vec<f64> = layout.boxes[1..].iter().map(|point| point.x).collect();
        row.sort_by(f64::total_cmp);
        assert!(row.windows(2).all(|pair| pair[1] - pair[0] >= 100.0));
        assert!(row[0] >= 50.0 && row[4] + 50.0 <= layout.size.width);
    }

    #[test]
    fn ten_thousand_steps_are_no_problem() {
        let count = 10_000;
        let mut ways: Vec<_> = (1..count).map(|to| (to - 1, to)).collect();
        ways.extend((0..count - 1).map(|from| (from, count - 1)));
        let layout = lay_out(&boxes(count), &ways);
        assert_eq!(layout.boxes.len(), count);
        assert!(lay_out(&[], &[]).boxes.is_empty());
    }
}
