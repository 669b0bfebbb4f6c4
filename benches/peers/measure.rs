//! Paired measurements and the table they end in.

use std::fmt;

/// Measurements of each side of a pair.
pub const RUNS: usize = 5;

/// One side's measurements, in the unit of its line.
#[derive(Debug, Clone)]
pub struct Sample(Vec<f64>);

impl Sample {
    pub fn new(mut values: Vec<f64>) -> Sample {
        values.sort_by(f64::total_cmp);
        Sample(values)
    }

    /// The value below which the share `q` of the measurements lies.
    pub fn quantile(&self, q: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let at = (q * last as f64).round() as usize;
        self.0.get(at).copied().unwrap_or(f64::NAN)
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, median, high] = [0.0, 0.5, 1.0].map(|q| number(self.quantile(q)));
        match low == high {
            true => write!(f, "{median}"),
            false => write!(f, "{median} ({low} to {high})"),
        }
    }
}

/// Three significant digits, thousands apart.
pub fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{:.2} M", value / 1e6),
        v if v >= 1e4 => format!("{:.1} k", value / 1e3),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Runs `ours` and `peer` in turns, [`RUNS`] times each after one unmeasured turn.
pub fn pair(mut ours: impl FnMut() -> f64, mut peer: impl FnMut() -> f64) -> (Sample, Sample) {
    let (_, _) = (ours(), peer());
    let both: Vec<(f64, f64)> = (0..RUNS).map(|_| (ours(), peer())).collect();
    let (ours, peer) = both.into_iter().unzip();
    (Sample::new(ours), Sample::new(peer))
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    More,
    Less,
}

/// The lines so far: figure, ours, the peer's, ratio (above 1 where ours is better).
#[derive(Debug, Default)]
pub struct Table(Vec<[String; 4]>);

impl Table {
    /// A line of a pair of samples in `unit`.
    pub fn pair(&mut self, figure: &str, unit: &str, better: Better, (ours, peer): (Sample, Sample)) {
        let ratio = match better {
            Better::More => ours.median() / peer.median(),
            Better::Less => peer.median() / ours.median(),
        };
        self.line(
            format!("{figure}, {unit}"),
            ours.to_string(),
            peer.to_string(),
            format!("{ratio:.2} ×"),
        );
    }

    /// A line that has no peer, or whose peer is said in words.
    pub fn line(&mut self, figure: String, ours: String, peer: String, ratio: String) {
        eprintln!("  {figure}: {ours} | {peer} | {ratio}");
        self.0.push([figure, ours, peer, ratio]);
    }

    /// A figure that could not be taken, and why.
    pub fn skipped(&mut self, figure: &str, why: &str) {
        self.line(
            figure.to_owned(),
            format!("SKIPPED: {why}"),
            String::new(),
            String::new(),
        );
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| figure | restate-pg | peer | ratio |\n|---|---|---|---|")?;
        for [figure, ours, peer, ratio] in &self.0 {
            writeln!(f, "| {figure} | {ours} | {peer} | {ratio} |")?;
        }
        Ok(())
    }
}
