//! Whatever is changed in what a process left behind, whoever recovers it neither falls nor hangs.
//!
//! The input is a list of changes to a file of pages that a pipeline has really made: each is a
//! place among the bytes that are in use (4 bytes), a length (1 byte, modulo 17), and that many bytes.
//! Length 0 cuts the file at that place.

#![no_main]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tracing_subscriber::layer::SubscriberExt;

const BLOCK_BYTES: usize = 64;

/// A file, without its holes.
struct Template {
    len: u64,
    blocks: Vec<(u64, [u8; BLOCK_BYTES])>,
}

static TEMPLATE: LazyLock<Template> = LazyLock::new(Template::new);

fuzz_target!(|input: &[u8]| {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("1-000000000000000a.pages");
    TEMPLATE.write(&path, input);
    let _ = offloop::recover(&path);
});

impl Template {
    /// What a pipeline has in its file while its records wait.
    fn new() -> Template {
        let directory = tempfile::tempdir_in("/dev/shm").expect("a tmpfs");
        let pages = directory.path().join("pages");
        let builder = offloop::builder().file(directory.path().join("gone/app.jsonl"));
        let builder = builder.budget(1 << 20).crash_directory(&pages);
        let builder = builder.write_delay(Duration::from_secs(10));
        let (layer, guard) = builder.build().expect("a pipeline");
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let _span = tracing::info_span!("request", user = "ada").entered();
            (0..100).for_each(|number| tracing::info!(number, "record"));
        });
        let file = fs::read_dir(pages).expect("pages").next().expect("a file");
        let template = Template::read(&file.expect("an entry").path());
        // A recovery reads everything, and writes nothing: the directory of the log is gone. So a
        // path that was changed does no harm. What is written is tested with the library.
        assert_eq!(guard.shutdown(Duration::from_secs(10)).pending, 0);
        fs::remove_dir_all(directory.path().join("gone")).expect("the log's directory");
        template
    }

    fn read(path: &Path) -> Template {
        let bytes = fs::read(path).expect("the pages");
        let blocks = (0..)
            .step_by(BLOCK_BYTES)
            .zip(bytes.chunks_exact(BLOCK_BYTES));
        let blocks = blocks.filter(|(_, block)| block.iter().any(|byte| *byte != 0));
        let block = |block: &[u8]| <[u8; BLOCK_BYTES]>::try_from(block).expect("a whole block");
        Template {
            len: bytes.len() as u64,
            blocks: blocks
                .map(|(offset, bytes)| (offset, block(bytes)))
                .collect(),
        }
    }

    fn write(&self, path: &Path, mut changes: &[u8]) {
        let file = File::create_new(path).expect("a file");
        file.set_len(self.len).expect("its length");
        for (offset, block) in &self.blocks {
            file.write_all_at(block, *offset).expect("a block");
        }
        while let Some((&[a, b, c, d, len], rest)) = changes.split_first_chunk() {
            let place = u32::from_le_bytes([a, b, c, d]) as usize;
            let (block, _) = self.blocks[place / BLOCK_BYTES % self.blocks.len()];
            let offset = block + (place % BLOCK_BYTES) as u64;
            let len = usize::from(len % 17);
            let (bytes, rest) = rest.split_at(len.min(rest.len()));
            if len == 0 {
                file.set_len(offset).expect("a cut");
            }
            file.write_all_at(bytes, offset).expect("a change");
            changes = rest;
        }
    }
}
