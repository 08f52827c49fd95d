//! Frames of zstd, one behind the other, with one state of the library for all of them: making a state costs as much as
//! decompressing some kilobytes, and a frame can be of ten bytes.

use std::io::{self, BufRead, Read};

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer, WriteBuf};
use zstd::stream::zio::Reader;

/// The state of the library between two frames.
pub(super) struct State(Decoder<'static>);

/// One frame that is read.
pub(super) struct Frame<R>(Reader<R, Lent>);

/// The state while a frame has it.
struct Lent(Option<Decoder<'static>>);

impl<R: BufRead> Frame<R> {
    /// Reads the frame that `inner` starts with, which may ask for a window of two to the power of `window` bytes. Takes the
    /// state of the frame before.
    pub(super) fn new(inner: R, state: Option<State>, window: u32) -> io::Result<Self> {
        let decoder = if let Some(State(mut decoder)) = state {
            decoder.reinit()?;
            decoder
        } else {
            let mut decoder = Decoder::new()?;
            decoder.set_parameter(DParameter::WindowLogMax(window))?;
            decoder
        };
        let mut reader = Reader::new(inner, Lent(Some(decoder)));
        reader.set_single_frame();
        Ok(Self(reader))
    }

    /// At the end of the frame: the reader behind it, and the state for the next.
    pub(super) fn into_inner(mut self) -> (R, Option<State>) {
        let state = self.0.operation_mut().0.take().map(State);
        (self.0.into_inner(), state)
    }
}

impl<R: BufRead> Read for Frame<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

impl Lent {
    fn decoder(&mut self) -> &mut Decoder<'static> {
        self.0.as_mut().expect("it is taken back with the end of the frame, after which nobody reads")
    }
}

impl Operation for Lent {
    fn run<C: WriteBuf + ?Sized>(
        &mut self,
        input: &mut InBuffer<'_>,
        output: &mut OutBuffer<'_, C>,
    ) -> io::Result<usize> {
        self.decoder().run(input, output)
    }

    fn flush<C: WriteBuf + ?Sized>(&mut self, output: &mut OutBuffer<'_, C>) -> io::Result<usize> {
        self.decoder().flush(output)
    }

    fn reinit(&mut self) -> io::Result<()> {
        self.decoder().reinit()
    }

    fn finish<C: WriteBuf + ?Sized>(
        &mut self,
        output: &mut OutBuffer<'_, C>,
        finished_frame: bool,
    ) -> io::Result<usize> {
        self.decoder().finish(output, finished_frame)
    }
}
