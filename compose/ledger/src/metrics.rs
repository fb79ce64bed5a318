//! Counters and the text that Prometheus reads.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::store::PoolStatus;

/// Upper bounds of the latency buckets, in seconds.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    requests: BTreeMap<RequestLabels, Histogram>,
    jobs: BTreeMap<(String, &'static str), u64>,
    cache_hits: u64,
    cache_misses: u64,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Default)]
struct Histogram {
    /// Not cumulative; one more than the bounds, for `+Inf`.
    buckets: [u64; BUCKETS.len() + 1],
    seconds: f64,
}

/// How often the cache of API keys knew the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheCounts {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
}

impl Metrics {
    pub(crate) fn request(&self, method: &str, route: &str, status: u16, duration: Duration) {
        let labels = RequestLabels { method: method.into(), route: route.into(), status };
        let seconds = duration.as_secs_f64();
        let mut inner = self.lock();
        let histogram = inner.requests.entry(labels).or_default();
        histogram.buckets[BUCKETS.partition_point(|bound| *bound < seconds)] += 1;
        histogram.seconds += seconds;
    }

    pub(crate) fn job_processed(&self, queue: &str, status: &'static str) {
        *self.lock().jobs.entry((queue.into(), status)).or_default() += 1;
    }

    pub(crate) fn cache_hit(&self) {
        self.lock().cache_hits += 1;
    }

    pub(crate) fn cache_miss(&self) {
        self.lock().cache_misses += 1;
    }

    pub(crate) fn cache_counts(&self) -> CacheCounts {
        let inner = self.lock();
        CacheCounts { hits: inner.cache_hits, misses: inner.cache_misses }
    }

    /// The exposition text, with the state of the pool and of the process added.
    pub(crate) fn render(&self, pool: &PoolStatus) -> String {
        let inner = self.lock();
        let mut text = String::new();
        heading(&mut text, "ledger_http_request_duration_seconds", "histogram", "HTTP latency");
        for (labels, histogram) in &inner.requests {
            histogram.render(&mut text, labels);
        }
        heading(
            &mut text,
            "ledger_worker_jobs_processed_total",
            "counter",
            "Jobs ended, by queue and status",
        );
        for ((queue, status), count) in &inner.jobs {
            let _ = writeln!(
                text,
                "ledger_worker_jobs_processed_total{{queue=\"{queue}\",status=\"{status}\"}} {count}"
            );
        }
        let single = [
            ("ledger_auth_cache_hits_total", "counter", "API keys found in the cache", inner.cache_hits),
            ("ledger_auth_cache_misses_total", "counter", "API keys looked up", inner.cache_misses),
            ("ledger_db_pool_total_connections", "gauge", "Connections in the pool", pool.total as u64),
            ("ledger_db_pool_idle_connections", "gauge", "Connections not in use", pool.idle as u64),
            ("ledger_db_pool_waiting_connections", "gauge", "Requests waiting", pool.waiting as u64),
            ("ledger_process_resident_memory_bytes", "gauge", "Resident memory", resident_bytes()),
        ];
        for (name, kind, help, value) in single {
            heading(&mut text, name, kind, help);
            let _ = writeln!(text, "{name} {value}");
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Histogram {
    fn render(&self, text: &mut String, labels: &RequestLabels) {
        let RequestLabels { method, route, status } = labels;
        let labels = format!("method=\"{method}\",route=\"{route}\",status_code=\"{status}\"");
        let name = "ledger_http_request_duration_seconds";
        let mut count = 0;
        for (index, bucket) in self.buckets.iter().enumerate() {
            count += bucket;
            let bound = BUCKETS.get(index).map_or_else(|| "+Inf".into(), f64::to_string);
            let _ = writeln!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(text, "{name}_sum{{{labels}}} {}", self.seconds);
        let _ = writeln!(text, "{name}_count{{{labels}}} {count}");
    }
}

fn heading(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}.\n# TYPE {name} {kind}");
}

/// Resident memory of this process; 0 where the system does not say.
pub(crate) fn resident_bytes() -> u64 {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return 0 };
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_are_cumulative_and_bounds_are_inclusive() {
        let metrics = Metrics::default();
        for milliseconds in [5, 6, 20_000] {
            metrics.request("GET", "/v1/records/{id}", 200, Duration::from_millis(milliseconds));
        }
        let text = metrics.render(&PoolStatus { total: 3, idle: 2, waiting: 0 });
        let labels = r#"{method="GET",route="/v1/records/{id}",status_code="200""#;
        let line = |le: &str, count: u64| {
            format!("ledger_http_request_duration_seconds_bucket{labels},le=\"{le}\"}} {count}\n")
        };
        for expected in [line("0.005", 1), line("0.01", 2), line("10", 2), line("+Inf", 3)] {
            assert!(text.contains(&expected), "{expected} in {text}");
        }
        assert!(text.contains("ledger_db_pool_idle_connections 2\n"));
        assert!(resident_bytes() > 0);
    }
}
