//! layersift finds every credential that a container image leaks.

pub mod content;
pub mod digest;
pub mod findings;
pub mod image;
pub mod limits;
pub mod matcher;
pub mod problem;
pub mod report;
pub mod scan;
pub mod secret;
pub mod signature;
pub mod source;
pub mod stream;
