//! What the children reported: figures by name, one set a run.

use std::collections::BTreeMap;

/// Figures of one child by name, such as `burst1.p50`, in nanoseconds, bytes or plain counts.
pub type Metrics = BTreeMap<String, f64>;

/// The runs of one contender in one variant of a bench.
#[derive(Default)]
pub struct Runs {
    pub metrics: Vec<Metrics>,
    pub failure: Option<String>,
}

/// Median, smallest and largest of a figure over the runs.
#[derive(Clone, Copy)]
pub struct Figure {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

/// Everything a bench has measured.
#[derive(Default)]
pub struct Results {
    runs: BTreeMap<(String, String), Runs>,
}

impl Results {
    pub fn add(&mut self, contender: &str, variant: &str, outcome: Result<Metrics, String>) {
        let runs = self
            .runs
            .entry((contender.to_owned(), variant.to_owned()))
            .or_default();
        match outcome {
            Ok(metrics) => runs.metrics.push(metrics),
            Err(failure) => runs.failure = Some(failure),
        }
    }

    pub fn failure(&self, contender: &str, variant: &str) -> Option<&str> {
        self.runs(contender, variant)?.failure.as_deref()
    }

    pub fn figure(&self, contender: &str, variant: &str, metric: &str) -> Option<Figure> {
        let runs = self.runs(contender, variant)?;
        let values = runs
            .metrics
            .iter()
            .filter_map(|metrics| metrics.get(metric).copied());
        let mut values: Vec<f64> = values.collect();
        values.sort_unstable_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let middle = (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0;
        Some(Figure {
            median: middle,
            min,
            max,
        })
    }

    fn runs(&self, contender: &str, variant: &str) -> Option<&Runs> {
        self.runs.get(&(contender.to_owned(), variant.to_owned()))
    }
}
