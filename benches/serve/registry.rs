//! A registry that answers from memory, with as little work as that takes.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use flate2::write::GzEncoder;
use layersift::digest::Digest;
use serde_json::json;

use crate::support::archive::Tar;

/// See the module. It listens until the program ends.
pub(crate) struct Registry {
    pub(crate) address: String,
}

/// Paths, and what is there: its type and its bytes.
type Content = HashMap<String, (&'static str, Vec<u8>)>;

const BLOB: &str = "application/octet-stream";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

impl Registry {
    /// Images `app:0`, `app:1`, … each of which has a layer that all have, and one of its own.
    pub(crate) fn of_tiny_images(count: usize) -> Self {
        let mut content = Content::new();
        let shared = tiny("etc/shared", "nothing");
        for number in 0..count {
            let layers = [shared.clone(), tiny("srv/own", &format!("nothing of {number}"))];
            let diff_ids: Vec<String> = layers.iter().map(|(tar, _)| digest(tar)).collect();
            let config = json!({
                "os": "linux", "architecture": "amd64", "config": {}, "history": [{"created_by": "COPY"}, {"created_by": "COPY"}],
                "rootfs": {"type": "layers", "diff_ids": diff_ids},
            });
            let config = config.to_string().into_bytes();
            let layer = |packed: &Vec<u8>| json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest(packed), "size": packed.len()});
            let manifest = json!({
                "schemaVersion": 2, "mediaType": MANIFEST,
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config), "size": config.len()},
                "layers": layers.iter().map(|(_, packed)| layer(packed)).collect::<Vec<_>>(),
            });
            let manifest = manifest.to_string().into_bytes();
            for (_, packed) in layers {
                content.insert(format!("/v2/app/blobs/{}", digest(&packed)), (BLOB, packed));
            }
            content.insert(format!("/v2/app/blobs/{}", digest(&config)), (BLOB, config));
            for name in [number.to_string(), digest(&manifest)] {
                content.insert(format!("/v2/app/manifests/{name}"), (MANIFEST, manifest.clone()));
            }
        }
        Self::of(content)
    }

    /// One layer, in the repository `app`.
    pub(crate) fn of_layer(packed: Vec<u8>) -> Self {
        Self::of(Content::from([(format!("/v2/app/blobs/{}", digest(&packed)), (BLOB, packed))]))
    }

    fn of(mut content: Content) -> Self {
        content.insert("/v2/".to_owned(), ("application/json", b"{}".to_vec()));
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let address = listener.local_addr().expect("it has one").to_string();
        let content = Arc::new(content);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let content = Arc::clone(&content);
                // Who hangs up is done.
                std::thread::spawn(move || drop(answer(stream, &content)));
            }
        });
        Self { address }
    }
}

fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

/// A layer with one file, as it is and packed.
fn tiny(path: &str, text: &str) -> (Vec<u8>, Vec<u8>) {
    let mut tar = Tar::new();
    tar.file(path, text.as_bytes());
    let tar = tar.finish();
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&tar).expect("there is memory");
    (tar, packed.finish().expect("there is memory"))
}

/// Answers all requests of a connection.
fn answer(stream: TcpStream, content: &Content) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            if line.trim_end().is_empty() {
                break;
            }
        }
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let path = path.split('?').next().unwrap_or_default();
        let nothing = Vec::new();
        let (status, kind, body) = match content.get(path) {
            Some((kind, body)) => ("200 OK", *kind, body),
            None => ("404 Not Found", "application/json", &nothing),
        };
        let mut answer =
            format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
        if kind == MANIFEST {
            answer.extend(["Docker-Content-Digest: ", &digest(body), "\r\n"]);
        }
        answer += "\r\n";
        let mut answer = answer.into_bytes();
        if method == "GET" {
            answer.extend_from_slice(body);
        }
        writer.write_all(&answer)?;
    }
}
