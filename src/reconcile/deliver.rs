//! The journal to the sinks.
//!
//! Invariant: a failing sink never fails a run. Each sink has a cursor of its own and catches up when it is back.

use crate::model::Time;
use crate::report::{Row, Sink, SinkError};
use crate::store::{Store, StoreError};

/// Rows that are handed to a sink at a time.
const ROWS_AT_A_TIME: u32 = 5_000;
/// Most rounds in one delivery; what is left comes with the next run. A sink that was down for a month must not hold up
/// the schedule.
const MOST_ROUNDS: u32 = 200;

/// What became of one sink's delivery.
#[derive(Debug)]
pub struct Delivery {
    /// The sink.
    pub sink: String,
    /// Entries delivered now.
    pub delivered: u64,
    /// Events the sink refused, with the reason; they are not tried again.
    pub rejected: Vec<(String, String)>,
    /// Why it stopped, if it did.
    pub failed: Option<SinkError>,
    /// Since when the oldest entry waits that the sink has not taken; `None`: it has everything.
    pub waiting_since: Option<Time>,
}

/// Brings every sink up to date as far as it lets itself.
///
/// # Errors
/// Only if the state file fails.
pub async fn deliver(store: &Store, sinks: &mut [Sink], now: Time) -> Result<Vec<Delivery>, StoreError> {
    let mut deliveries = Vec::new();
    for sink in sinks {
        let name = sink.name().to_owned();
        let mut delivery =
            Delivery { sink: name, delivered: 0, rejected: Vec::new(), failed: None, waiting_since: None };
        for _ in 0..MOST_ROUNDS {
            let after = store.sink_cursor(sink.name()).await?;
            let rows = store.journal(after, ROWS_AT_A_TIME).await?;
            if rows.is_empty() {
                break;
            }
            let last = rows.last().map_or(after, |row| row.seq);
            // The store and the sinks are siblings: each has its own row, and this is where they meet.
            let rows: Vec<Row> = rows.into_iter().map(|row| (row.seq, row.event_id, row.at, row.entry)).collect();
            match sink.deliver(&rows, now).await {
                Ok(done) => {
                    let through = done.through.unwrap_or(after);
                    store.advance_sink(sink.name(), through).await?;
                    delivery.delivered += rows.iter().filter(|(seq, ..)| *seq <= through).count() as u64;
                    delivery.rejected.extend(done.rejected);
                    delivery.failed = done.stopped;
                    if through < last {
                        break;
                    }
                }
                Err(error) => {
                    tracing::warn!(sink = sink.name(), error = %error, "report sink `{}` is behind", sink.name());
                    delivery.failed = Some(error);
                    break;
                }
            }
        }
        let after = store.sink_cursor(sink.name()).await?;
        delivery.waiting_since = store.journal(after, 1).await?.first().map(|row| row.at);
        deliveries.push(delivery);
    }
    Ok(deliveries)
}
