//! The reliability plot: for each label, what was said against what came true, as an SVG without any text but labels.

use std::fmt::Write as _;

use super::report::Report;

const SIDE: f64 = 180.0;
const MARGIN: f64 = 34.0;
const COLUMNS: usize = 4;
/// Bins with fewer texts are drawn hollow: chance moves them.
const TEXTS_SURE: u64 = 30;

impl Report {
    /// The plot. A perfect label lies on the diagonal.
    pub(in crate::cli) fn plot(&self) -> String {
        let rows = self.reliability.len().div_ceil(COLUMNS).max(1);
        let (width, height) = (COLUMNS as f64 * (SIDE + MARGIN) + MARGIN, rows as f64 * (SIDE + 2.0 * MARGIN));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        );
        for (at, (label, bins)) in self.reliability.iter().enumerate() {
            let (left, top) = (
                MARGIN + (at % COLUMNS) as f64 * (SIDE + MARGIN),
                MARGIN + (at / COLUMNS) as f64 * (SIDE + 2.0 * MARGIN),
            );
            let _ = writeln!(svg, "<text x=\"{left}\" y=\"{:.0}\" font-weight=\"bold\">{label}</text>", top - 8.0);
            let _ = writeln!(
                svg,
                "<rect x=\"{left}\" y=\"{top}\" width=\"{SIDE}\" height=\"{SIDE}\" fill=\"none\" stroke=\"#999\"/>"
            );
            let (right, bottom) = (left + SIDE, top + SIDE);
            let _ =
                writeln!(svg, "<path d=\"M{left} {bottom}L{right} {top}\" stroke=\"#bbb\" stroke-dasharray=\"4 4\"/>");
            for (said, are, texts) in bins.iter().filter(|bin| bin.2 > 0) {
                let (x, y) = (left + said * SIDE, bottom - are * SIDE);
                let fill = if *texts >= TEXTS_SURE { "#0a6c8f" } else { "#fff" };
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{fill}\" stroke=\"#0a6c8f\"><title>{texts} texts: said {said:.3}, are {are:.3}</title></circle>"
                );
            }
            let _ = writeln!(svg, "<text x=\"{left}\" y=\"{:.0}\" fill=\"#666\">said →, are ↑</text>", bottom + 14.0);
        }
        svg.push_str("</svg>\n");
        svg
    }
}
