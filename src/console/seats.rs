//! Seats for connections: of one network not so many that nobody else gets one.
//!
//! Invariant: a probe of an orchestrator is answered while somebody else holds every connection they can get.
//! Deliberately absent: how many there are in all; the socket counts these.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections of one network at one time. A browser opens six.
const MOST_OF_ONE: usize = 64;

/// Who sits where; one that is cloned is the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Seats(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// A connection's seat; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    network: IpAddr,
}

impl Seats {
    /// A seat for a connection from here, unless this network has as many as one may have.
    pub(super) fn take(&self, address: IpAddr) -> Option<Seat> {
        let network = network(address);
        let mut taken = self.taken();
        let of = taken.entry(network).or_default();
        if *of >= MOST_OF_ONE {
            return None;
        }
        *of += 1;
        Some(Seat { seats: self.clone(), network })
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        if let Some(of) = taken.get_mut(&self.network) {
            *of -= 1;
            if *of == 0 {
                taken.remove(&self.network);
            }
        }
    }
}

/// The network of an address: whoever has one IPv6 address has 2^64 of them.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_takes_its_share_and_gives_it_back() {
        let seats = Seats::default();
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut held: Vec<Seat> =
            (0..MOST_OF_ONE).map(|n| seats.take(at(&format!("2001:db8::{n:x}"))).expect("there is one")).collect();
        assert!(seats.take(at("2001:db8::ffff")).is_none(), "of the same network");
        assert!(seats.take(at("2001:db8:0:1::1")).is_some() && seats.take(at("::ffff:10.0.0.1")).is_some());
        held.pop();
        assert!(seats.take(at("2001:db8::ffff")).is_some());
        held.clear();
        assert!(seats.taken().is_empty(), "nothing is kept of who is gone");
    }
}
