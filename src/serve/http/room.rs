//! Room in memory: what is held of bodies and answers at a time is bounded.
//!
//! Of what strangers may fill each address has a share. Who sends much, or slowly, is in his own way then, and in nobody else's.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many kibibytes.
pub(super) struct Room {
    all: Arc<Semaphore>,
    kibibytes: usize,
    /// Kibibytes that one address may hold.
    share: usize,
    held: Arc<Shares>,
}

type Shares = Mutex<HashMap<IpAddr, usize>>;

/// A part of a room, which is free again with the end of this.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// What an address holds.
struct Share {
    held: Arc<Shares>,
    address: IpAddr,
    kibibytes: usize,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// This address has its share.
    OfOne,
    /// Nothing became free in time.
    OfAll,
}

/// For how long somebody waits for others.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

impl Room {
    /// A room of so many kibibytes.
    pub(super) fn new(kibibytes: usize) -> Self {
        Self::shared(kibibytes, kibibytes)
    }

    /// The same, of which one address may hold a `share`.
    pub(super) fn shared(kibibytes: usize, share: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(kibibytes)), kibibytes, share, held: Arc::default() }
    }

    /// A place for so many bytes, of whoever it is.
    pub(super) async fn take(&self, bytes: usize) -> Result<Place, Full> {
        Ok(Place { _permit: self.permit(self.measure(bytes)).await?, _share: None })
    }

    /// The same of what `address` sends.
    pub(super) async fn take_of(&self, bytes: usize, address: IpAddr) -> Result<Place, Full> {
        let kibibytes = self.measure(bytes);
        let share = self.part(kibibytes, address)?;
        Ok(Place { _permit: self.permit(kibibytes).await?, _share: Some(share) })
    }

    /// Whether nothing is left of it.
    #[cfg(test)]
    pub(super) fn is_full(&self) -> bool {
        self.all.available_permits() == 0
    }

    /// Kibibytes; of more than the room has, all of them.
    fn measure(&self, bytes: usize) -> usize {
        bytes.div_ceil(1 << 10).clamp(1, self.kibibytes)
    }

    fn part(&self, kibibytes: usize, address: IpAddr) -> Result<Share, Full> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let own = held.get(&address).copied().unwrap_or(0);
        if own > 0 && own + kibibytes > self.share {
            return Err(Full::OfOne);
        }
        held.insert(address, own + kibibytes);
        Ok(Share { held: Arc::clone(&self.held), address, kibibytes })
    }

    async fn permit(&self, kibibytes: usize) -> Result<OwnedSemaphorePermit, Full> {
        let permits = u32::try_from(kibibytes).unwrap_or(u32::MAX);
        let permit = tokio::time::timeout(PATIENCE, Arc::clone(&self.all).acquire_many_owned(permits)).await;
        permit.ok().and_then(Result::ok).ok_or(Full::OfAll)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = held.get_mut(&self.address) {
            *own = own.saturating_sub(self.kibibytes);
            if *own == 0 {
                held.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
    }

    #[test]
    fn an_address_has_its_share_and_no_more() {
        let room = Room::shared(64, 16);
        let [one, other] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from);
        run(async {
            let mut held = Vec::new();
            for _ in 0..4 {
                held.push(room.take_of(4 << 10, one).await.ok().unwrap());
            }
            assert_eq!(room.take_of(1, one).await.err(), Some(Full::OfOne));
            assert!(room.take_of(16 << 10, other).await.is_ok(), "others have their own");
            held.pop();
            assert_eq!(room.take_of(5 << 10, one).await.err(), Some(Full::OfOne));
            assert!(room.take_of(4 << 10, one).await.is_ok());
            drop(held);
            assert!(room.held.lock().unwrap().is_empty(), "who holds nothing is forgotten");
            // What is larger than a share is taken alone.
            let large = room.take_of(60 << 10, one).await.ok().unwrap();
            assert_eq!(room.take_of(1, one).await.err(), Some(Full::OfOne));
            drop(large);
        });
    }

    #[test]
    fn a_room_is_full_until_somebody_leaves() {
        let room = Arc::new(Room::new(8));
        run(async {
            let held = room.take(5 << 10).await.ok().unwrap();
            let leave = async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                drop(held);
            };
            let (waited, ()) = tokio::join!(room.take(8 << 20), leave);
            assert!(waited.is_ok(), "what is larger than the room has all of it");
            assert_eq!(room.take(1).await.err(), Some(Full::OfAll));
        });
    }
}
