//! Swap files of Vim: the lines of a file as it was being edited, in blocks, the last line of each first.
//!
//! A block says where each of its lines is. Blocks are shown in the order in which they stand, each as a text with its
//! lines the right way round.

use std::io::BufRead;

use super::{Decoder, Fault, Head, Part, Visitor};
use crate::limits::Limit;
use crate::stream;

/// See the module.
pub(super) const VIM: Decoder = Decoder {
    name: "vim-swap",
    about: "Swap files of Vim and Neovim: the lines in them",
    is: |head| Layout::new(head.bytes).is_some(),
    decode,
};

/// Longest block: one line may fill it.
const BLOCK: usize = 16 << 20;
/// Bytes of a block before the places of its lines, with two sizes of numbers.
const WIDE: usize = 24;
const NARROW: usize = 20;

/// How numbers are written.
#[derive(Debug, Clone, Copy)]
struct Layout {
    page: usize,
    big: bool,
}

impl Layout {
    fn new(head: &[u8]) -> Option<Self> {
        if !head.starts_with(b"b0") || !head.get(2..12)?.starts_with(b"VIM ") {
            return None;
        }
        let size: [u8; 4] = *head.get(12..)?.first_chunk()?;
        [(u32::from_le_bytes(size), false), (u32::from_be_bytes(size), true)]
            .into_iter()
            .find(|(page, _)| page.is_power_of_two() && (512..=65536).contains(page))
            .map(|(page, big)| Self { page: page as usize, big })
    }

    fn number(self, bytes: &[u8], at: usize) -> Option<usize> {
        let four = *bytes.get(at..)?.first_chunk()?;
        usize::try_from(if self.big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }).ok()
    }

    fn is_data(self, page: &[u8]) -> bool {
        page.starts_with(if self.big { b"da" } else { b"ad" })
    }
}

fn decode(head: &Head<'_>, body: &mut dyn BufRead, visitor: &mut dyn Visitor) -> Result<(), Fault> {
    let Some(layout) = Layout::new(head.bytes) else { return Ok(()) };
    let room = usize::try_from(visitor.room()).unwrap_or(usize::MAX);
    loop {
        let mut block = vec![0; layout.page];
        let (filled, failed) = stream::fill(&mut &mut *body, &mut block);
        if filled == layout.page && layout.is_data(&block) {
            let asked = layout.number(&block, 12).unwrap_or(0).min(BLOCK);
            if asked > room {
                let message = "a block of it is too long to be held; its beginning was looked into";
                visitor.fault(Part::Plain("vim-swap"), Fault::limit(Limit::WholeBytes, message));
            }
            let end = asked.min(room).next_multiple_of(layout.page);
            if end > layout.page {
                block.resize(end, 0);
                let (more, _) = stream::fill(&mut &mut *body, &mut block[layout.page..]);
                block.truncate(layout.page + more);
            }
            let text = lines(layout, &block);
            if !text.is_empty() && visitor.visit(Part::Plain("vim-swap"), &mut &text[..]).is_break() {
                return Ok(());
            }
        }
        match failed {
            Some(failed) => return Err(failed.into()),
            None if filled < layout.page => return Ok(()),
            None => {}
        }
    }
}

/// The lines of a block: each ends with a zero, and no two share a byte.
fn lines(layout: Layout, block: &[u8]) -> Vec<u8> {
    // The number of lines has eight bytes on most machines, and then a place that is not zero follows.
    let end = layout.number(block, 12).unwrap_or(0).min(block.len());
    let wide = layout
        .number(block, 20)
        .is_none_or(|high| high == 0 || layout.big && layout.number(block, 16) == Some(0));
    let start = if wide { WIDE } else { NARROW };
    let (mut text, mut upper) = (Vec::new(), end);
    for place in block.get(start..).unwrap_or_default().chunks_exact(4) {
        // The highest bit is a mark.
        let Some(from) = layout.number(place, 0).map(|from| from & 0x7fff_ffff) else { break };
        if from >= upper || from < start {
            break;
        }
        let line = &block[from..upper];
        text.extend_from_slice(line.split(|byte| *byte == 0).next().unwrap_or_default());
        text.push(b'\n');
        upper = from;
    }
    text
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;
    use crate::content::tests::shown;

    #[test]
    fn lines_of_a_swap_file_are_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let long = "x".repeat(9000);
        let text: Vec<String> =
            (0..500).map(|line| format!("line {line} {}\n", "y".repeat(line % 40))).collect();
        std::fs::write(
            folder.path().join("key.pem"),
            format!("-----BEGIN\n{}{long}\n-----END\n", text.concat()),
        )
        .unwrap();
        // `preserve` writes everything; what is killed leaves its file.
        let ran = Command::new("vim")
            .args([
                "-u",
                "NONE",
                "-es",
                "--not-a-term",
                "-c",
                "set swapfile",
                "-c",
                "edit key.pem",
                "-c",
                "preserve",
            ])
            .args(["-c", "silent !cp .key.pem.swp kept", "-c", "qa!"])
            .current_dir(folder.path())
            .status();
        ran.expect("vim is needed: see tests/install.sh");
        let bytes = std::fs::read(folder.path().join("kept")).unwrap();
        for piece in [7, 4096] {
            let (shown, ended) = shown(&VIM, ".key.pem.swp", &bytes, piece);
            assert_eq!(ended, Ok(()));
            let all = String::from_utf8(shown.parts.into_iter().flat_map(|part| part.1).collect()).unwrap();
            let lines: Vec<&str> = all.lines().collect();
            assert!((0..500).all(|line| all.contains(&format!("line {line} "))), "{all}");
            assert!(lines.windows(2).any(|pair| pair == ["-----BEGIN", "line 0 "]), "{all}");
            assert!(lines.contains(&&*long) && lines.contains(&"-----END"));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 1100..5000), big in any::<bool>()) {
            let mut bytes = bytes;
            bytes[..16].copy_from_slice(b"b0VIM 9.0\0\0\0\0\x02\0\0");
            bytes[512..514].copy_from_slice(if big { b"da" } else { b"ad" });
            if big {
                bytes[12..16].copy_from_slice(&512_u32.to_be_bytes());
            }
            let _ = shown(&VIM, "", &bytes, 100);
        }
    }
}
