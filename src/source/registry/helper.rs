//! Programs that keep logins: `docker-credential-NAME get` (docker/docker-credential-helpers).
//!
//! A file names them, so the name is checked, no shell is asked, and neither a program that hangs nor one that never
//! stops writing can hold up the scan.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use zeroize::Zeroizing;

use super::credentials::Login;
use crate::secret::Secret;
use crate::source::remote::{RemoteError, RemoteFault};
use crate::stream::read_bounded;

/// More than any login needs.
const LARGEST: u64 = 64 << 10;
/// Long enough for a person to unlock a keychain.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: Zeroizing<String>,
}

/// What the helper `name` knows of the server `server`.
pub(super) fn ask(name: &str, server: &str) -> Result<Option<Login>, RemoteError> {
    ask_within(name, server, PATIENCE)
}

fn ask_within(name: &str, server: &str, patience: Duration) -> Result<Option<Login>, RemoteError> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || !name.bytes().all(word) || name.starts_with(['.', '-']) {
        return Err(failed("a credential helper", "its name is not one of a program"));
    }
    let program = format!("docker-credential-{name}");
    let child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(&program, &error.to_string()))?;
    let (success, output) = talk(child, server, patience).map_err(|why| failed(&program, why))?;
    if !success {
        // The words of the protocol for "there is none"; anything else is a failure.
        let text = String::from_utf8_lossy(&output);
        let none = text.contains("credentials not found") || text.contains("no credentials server URL");
        return if none { Ok(None) } else { Err(failed(&program, "it ended with an error")) };
    }
    let answer: Answer =
        serde_json::from_slice(&output).map_err(|_| failed(&program, "what it wrote is no login"))?;
    Ok(Login::of(&answer.username, &answer.secret))
}

/// What a helper writes when it is told `server`, and whether it ended well.
fn talk(
    mut child: Child,
    server: &str,
    patience: Duration,
) -> Result<(bool, Zeroizing<Vec<u8>>), &'static str> {
    let input = child.stdin.take();
    let output = child.stdout.take();
    let (sender, receiver) = channel();
    let line = server.to_owned();
    thread::spawn(move || {
        // One that does not want to hear the server ends by itself.
        let _ = input.map(|mut input| input.write_all(line.as_bytes()));
        let read = output.map(|mut output| read_bounded(&mut output as &mut dyn Read, LARGEST));
        let _ = sender.send(read);
    });
    let deadline = Instant::now() + patience;
    let read = receiver.recv_timeout(patience);
    let status = match read {
        Ok(Some(Ok(Some(_)))) => end(&mut child, deadline),
        _ => end(&mut child, Instant::now()),
    };
    match read {
        Ok(Some(Ok(Some(_)))) if status.is_none() => Err("it does not end"),
        Ok(Some(Ok(Some(bytes)))) => {
            Ok((status.is_some_and(|status| status.success()), Zeroizing::new(bytes)))
        }
        Ok(Some(Ok(None))) => Err("it writes too much"),
        Ok(_) => Err("what it writes cannot be read"),
        Err(_) => Err("it gave no answer"),
    }
}

/// How a helper ends; none if it has not until `deadline` and was ended.
fn end(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
            Ok(status) => return status,
            Err(_) => return None,
        }
    }
}

fn failed(program: &str, why: &str) -> RemoteError {
    let message = format!("{program} gives no login: {why}");
    let remedy =
        "see that the helper which the login file names works, or give --username and --password-stdin";
    RemoteError::new(RemoteFault::Final, message, remedy)
}

impl Login {
    /// A login as helpers and files write it: the user `<token>` says that the password is a token of the account.
    pub(super) fn of(user: &str, password: &str) -> Option<Self> {
        match (user, password) {
            ("", _) | (_, "") => None,
            ("<token>", token) => Some(Self::Identity(Secret::new(token))),
            (user, password) => Some(Self::Password(user.to_owned(), Secret::new(password))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_of_that_kind_can_be_named() {
        for name in ["", "../x", "a/b", "a b", "a;b", ".hidden", "-x", "a\0"] {
            let error = ask(name, "r.example").unwrap_err();
            assert!(error.to_string().contains("its name is not one"), "{name}: {error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_helper_that_hangs_or_never_stops_is_ended() {
        let shell = |script: &str| {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
        };
        let talk = |script: &str| super::talk(shell(script), "r.example", Duration::from_millis(300));
        assert_eq!(talk("exec sleep 60").unwrap_err(), "it gave no answer");
        assert_eq!(talk("exec yes").unwrap_err(), "it writes too much");
        assert_eq!(talk("echo x; exec >&-; exec sleep 60").unwrap_err(), "it does not end");
        let (success, output) = talk("cat; exit 1").unwrap();
        assert_eq!((success, &output[..]), (false, &b"r.example"[..]));
    }
}
