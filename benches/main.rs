//! Every bench in one program: each floor alone and the whole, so that a loss can be placed.
//!
//! Content is made from seeds (see `support`), and every bench checks that it found what stands in it: a figure of a
//! program that finds nothing is worth nothing. `README.md` beside this file says what each one shows.

mod image;
mod join;
mod matcher;
mod stream;
mod support;

fn main() {
    divan::main();
}
