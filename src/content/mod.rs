//! What is inside a file's bytes: encodings and containers that hide text from a search of the raw bytes.

pub mod utf16;
