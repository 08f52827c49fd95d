//! What servers for tests need of this machine: an address, certificates, and programs that have to succeed. The tests of the
//! library share it.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// An address of this machine where nobody listens yet.
pub(crate) fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// An authority, a server's certificate for this machine, and a client's.
pub(crate) fn certificates(folder: &Path) {
    let openssl = |args: &str| drop(run("openssl", &args.split(' ').collect::<Vec<_>>(), folder));
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"));
    fs::write(
        folder.join("server.cnf"),
        "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n",
    )
    .unwrap();
    fs::write(folder.join("client.cnf"), "extendedKeyUsage=clientAuth\nbasicConstraints=CA:FALSE\n").unwrap();
    for name in ["server", "client"] {
        openssl(&format!("req -new {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile {name}.cnf -out {name}.pem"
        ));
    }
}

/// What a program writes that has to succeed.
pub(crate) fn run(program: &str, args: &[&str], folder: &Path) -> Vec<u8> {
    let output = Command::new(program).args(args).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; run tests/install.sh"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {told}");
    output.stdout
}
