//! What is wrong with rates: shares beyond the whole, limits that let nothing through.

use super::check::Complaint;
use super::key::KeyPath;
use crate::config::rates::{LevelRates, RateLimit, Rates};

pub(super) fn complaints(rates: &Rates) -> Vec<Complaint> {
    let path = KeyPath::new(["rates"]);
    let mut complaints = Vec::new();
    complaints.extend(rates.limit.iter().flat_map(|limit| of_limit(&path, limit)));
    let levels = [
        ("trace", &rates.trace),
        ("debug", &rates.debug),
        ("info", &rates.info),
        ("warn", &rates.warn),
        ("error", &rates.error),
    ];
    for (level, rates) in levels {
        complaints.extend(of_level(&path.with(level), rates));
    }
    complaints
}

fn of_level(path: &KeyPath, rates: &LevelRates) -> Vec<Complaint> {
    let limit = rates.limit.iter().flat_map(|limit| of_limit(path, limit));
    let mut complaints: Vec<_> = limit.collect();
    if let Some(share) = rates.sample
        && !(0.0..=1.0).contains(&share)
    {
        let message = format!("{share} is no share. Allowed: 0 to 1");
        complaints.push(Complaint::of(path.with("sample"), message));
    }
    complaints
}

fn of_limit(path: &KeyPath, limit: &RateLimit) -> Vec<Complaint> {
    let path = path.with("limit");
    let mut complaints = Vec::new();
    if limit.burst == 0 {
        let message = "0 records would let nothing through. Allowed: 1 and more";
        complaints.push(Complaint::of(path.with("burst"), message));
    }
    if !limit.per_second.is_finite() || limit.per_second < 0.0 {
        let message = format!("{} is no rate. Allowed: 0 and more", limit.per_second);
        complaints.push(Complaint::of(path.with("per_second"), message));
    }
    complaints
}
