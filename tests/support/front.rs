//! A server of ours in front of a registry or an engine: it asks for tokens, does harm, and writes down what it was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// How often the same was asked before.
    pub(crate) before: usize,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What to do with a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Give what the registry gives.
    Pass,
    /// Answer in its place: status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Give that many bytes of the body and break off.
    Cut(usize),
    /// Give that many bytes of the body and then nothing, without an end.
    Hang(usize),
    /// Give it after a while.
    Slow(Duration),
    /// Give a byte now and then.
    Drip,
    /// Change the last byte of the body.
    Spoil,
    /// Change the byte of the body at that place.
    SpoilAt(usize),
    /// Give that many bytes of the body, and this in place of the rest.
    Instead(usize, &'static str),
    /// Give the whole, whatever part was asked for.
    Whole,
    /// Say that it is so much longer.
    Longer(i64),
    /// Give bytes without a length and without an end.
    Endless,
}

/// A front that listens for as long as the test runs.
pub(crate) struct Front {
    pub(crate) address: String,
    log: Arc<Mutex<Vec<Asked>>>,
    at_once: Arc<AtOnce>,
}

/// How many are served now, and how many were at most.
#[derive(Default)]
struct AtOnce {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Front {
    /// A front of `registry` that does what `decide` says.
    pub(crate) fn of(registry: &str, decide: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> Self {
        Self::before(Server::Network(registry.to_owned()), decide)
    }

    /// The same of what listens at a Unix socket.
    pub(crate) fn of_socket(socket: &Path, decide: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> Self {
        Self::before(Server::Socket(socket.to_owned()), decide)
    }

    fn before(server: Server, decide: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let log: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let at_once: Arc<AtOnce> = Arc::default();
        let counted = Arc::clone(&at_once);
        let (decide, seen) = (Arc::new(decide), Arc::clone(&log));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (server, decide, seen) = (server.clone(), Arc::clone(&decide), Arc::clone(&seen));
                let counted = Arc::clone(&counted);
                thread::spawn(move || {
                    let now = counted.now.fetch_add(1, Ordering::SeqCst) + 1;
                    counted.most.fetch_max(now, Ordering::SeqCst);
                    // Who hangs up early is tested here, and not an error.
                    drop(serve(stream, &server, &*decide, &seen));
                    counted.now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, log, at_once }
    }

    /// How many requests were answered at the same time, at most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.at_once.most.load(Ordering::SeqCst)
    }

    /// Everything that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }
}

/// Who is behind a front.
#[derive(Clone)]
enum Server {
    Network(String),
    Socket(std::path::PathBuf),
}

impl Server {
    /// What it answers to `request`, to the end of the connection.
    fn ask(&self, request: &str) -> std::io::Result<Vec<u8>> {
        let mut answer = Vec::new();
        match self {
            Self::Network(address) => {
                let mut stream = TcpStream::connect(address)?;
                stream.write_all(request.as_bytes())?;
                stream.read_to_end(&mut answer)?;
            }
            Self::Socket(path) => {
                let mut stream = UnixStream::connect(path)?;
                stream.write_all(request.as_bytes())?;
                stream.read_to_end(&mut answer)?;
            }
        }
        Ok(answer)
    }

    fn host(&self) -> &str {
        if let Self::Network(address) = self { address } else { "engine" }
    }
}

fn serve(
    mut client: TcpStream,
    registry: &Server,
    decide: &dyn Fn(&Asked) -> Act,
    seen: &Mutex<Vec<Asked>>,
) -> std::io::Result<()> {
    let Some(mut asked) = request(&client)? else { return Ok(()) };
    let act = {
        let mut seen = seen.lock().unwrap();
        asked.before =
            seen.iter().filter(|other| (&other.method, &other.path) == (&asked.method, &asked.path)).count();
        seen.push(asked.clone());
        decide(&asked)
    };
    if let Act::Answer(status, headers, body) = &act {
        let mut head =
            format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        return client.write_all(format!("{head}\r\n{body}").as_bytes());
    }
    if let Act::Slow(pause) = &act {
        thread::sleep(*pause);
    }
    let (head, mut body) = upstream(registry, &asked, matches!(act, Act::Whole))?;
    let mut length = i64::try_from(body.len()).unwrap();
    match act {
        Act::Spoil => *body.last_mut().unwrap() ^= 1,
        Act::SpoilAt(at) => body[at] ^= 1,
        Act::Instead(bytes, other) => {
            body.truncate(bytes);
            body.extend(other.bytes());
            length = i64::try_from(body.len()).unwrap();
        }
        Act::Longer(more) => length += more,
        _ => {}
    }
    let lines = head.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        !matches!(name.as_str(), "content-length" | "connection" | "transfer-encoding")
    });
    let mut new_head: String = lines.flat_map(|line| [line, "\r\n"]).collect();
    new_head += "Connection: close\r\n";
    if !matches!(act, Act::Endless) && asked.method != "HEAD" {
        new_head.extend(["Content-Length: ", &length.to_string(), "\r\n"]);
    }
    client.write_all(format!("{new_head}\r\n").as_bytes())?;
    match act {
        Act::Cut(bytes) => client.write_all(&body[..bytes.min(body.len())]),
        Act::Hang(bytes) => {
            client.write_all(&body[..bytes.min(body.len())])?;
            wait_for_end(&client)
        }
        Act::Drip => body.iter().try_for_each(|byte| {
            thread::sleep(Duration::from_millis(100));
            client.write_all(&[*byte])
        }),
        Act::Endless => loop {
            client.write_all(&body)?;
            client.write_all(&[0; 4096])?;
        },
        _ => client.write_all(&body),
    }
}

fn wait_for_end(client: &TcpStream) -> std::io::Result<()> {
    let mut client = client;
    let _ = client.read(&mut [0])?;
    Ok(())
}

fn request(client: &TcpStream) -> std::io::Result<Option<Asked>> {
    let mut reader = BufReader::new(client);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => break,
        }
    }
    let mut asked = Asked { method, path, headers, body: String::new(), before: 0 };
    let length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    asked.body = String::from_utf8_lossy(&body).into_owned();
    Ok(Some(asked))
}

/// What the server answers: head and body.
fn upstream(server: &Server, asked: &Asked, whole: bool) -> std::io::Result<(String, Vec<u8>)> {
    let host = server.host();
    // In the older version of HTTP, an answer comes in one piece.
    let version = if matches!(server, Server::Socket(_)) { "1.0" } else { "1.1" };
    let mut head =
        format!("{} {} HTTP/{version}\r\nHost: {host}\r\nConnection: close\r\n", asked.method, asked.path);
    for (name, value) in &asked.headers {
        let passed = ["accept", "range"].contains(&name.to_ascii_lowercase().as_str());
        if passed && !(whole && name.eq_ignore_ascii_case("range")) {
            head.extend([name, ": ", value, "\r\n"]);
        }
    }
    let answer = server.ask(&format!("{head}\r\n"))?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    Ok((head, answer[end + 4..].to_vec()))
}
