//! Logins of the system and its services: mail, directories, shares, networks, what runs at boot.

use super::notation::{json, settings, xml, yaml};
use super::{Field, Sink, Structure, VARIABLE, base64, key, keys, lines, own};

pub(super) const ROWS: &[Structure] = &[
    own(
        "chap-secrets",
        "passwords of PPP",
        &["ppp/chap-secrets", "ppp/pap-secrets"],
        &["password"],
        lines::chap_secrets,
    ),
    own(
        "ipsec-secrets",
        "keys of IPsec",
        &["ipsec.secrets", "ipsec.*.secrets", "ipsec.d/*.secrets"],
        &["psk"],
        lines::ipsec,
    ),
    own(
        "openvpn",
        "tunnels of OpenVPN",
        &["*.ovpn", "openvpn/*.conf", "openvpn/*/*.conf"],
        &["password"],
        lines::openvpn,
    ),
    keys(
        "wireguard",
        "tunnels of WireGuard",
        &["wireguard/*.conf", "wg*.conf"],
        settings,
        &[key(&["interface", "privatekey"], "private-key"), key(&["peer", "presharedkey"], "preshared-key")],
    ),
    keys(
        "msmtprc",
        "logins of msmtp",
        &[".msmtprc", "msmtprc", "msmtp/config"],
        settings,
        &[key(&["password"], "password")],
    ),
    own(
        "fetchmailrc",
        "logins of fetchmail",
        &[".fetchmailrc", "fetchmailrc"],
        &["password"],
        lines::fetchmail,
    ),
    own(
        "sasl-passwd",
        "logins of Postfix at other servers",
        &["postfix/sasl_passwd", "postfix/sasl/sasl_passwd", "postfix/relay_passwd", "sasl_passwd"],
        &["password"],
        lines::sasl,
    ),
    keys(
        "smb-credentials",
        "logins of shares",
        &[
            ".smbcredentials*",
            "smbcredentials*",
            ".smbcreds",
            ".cifs*",
            "cifs-credentials*",
            "*.smb.cred",
            "samba/cred*",
        ],
        settings,
        &[key(&["password"], "password"), key(&["pass"], "password")],
    ),
    keys(
        "ldap-conf",
        "logins of directories",
        &["ldap.conf", "nslcd.conf", "sssd.conf", "pam_ldap.conf", "libnss-ldap.conf", "sudo-ldap.conf"],
        settings,
        &[
            key(&["bindpw"], "password"),
            key(&["rootbindpw"], "password"),
            key(&["rootpwmodpw"], "password"),
            key(&["ldap_default_authtok"], "password"),
        ],
    ),
    own(
        "filezilla",
        "logins of FileZilla",
        &["sitemanager.xml", "recentservers.xml", "filezilla.xml"],
        &["password"],
        filezilla,
    ),
    keys(
        "irssi",
        "logins of irssi",
        &[".irssi/config"],
        json,
        &[key(&["*password"], "password"), key(&["autosendcmd"], super::TEXT)],
    ),
    own(
        "systemd-unit",
        "variables of services",
        &["systemd/system/*.service", "*.service", "*.service.d/*.conf", "environment.d/*.conf"],
        &[VARIABLE],
        lines::systemd,
    ),
    own(
        "apache-conf",
        "variables and passwords of Apache",
        &["apache2/*.conf", "conf.d/*.conf", "sites-*/*", "conf-*/*.conf", "httpd.conf", ".htaccess"],
        &[VARIABLE],
        lines::apache,
    ),
    own(
        "cloud-init",
        "what a machine does at its first boot",
        &["user-data", "user-data.txt", "cloud.cfg.d/*.cfg", "cloud-config*.yaml", "cloud-config*.yml"],
        &["password"],
        cloud_init,
    ),
];

/// `<Pass encoding="base64">`, and `<Pass>` as old versions write it.
fn filezilla(text: &[u8], sink: &mut Sink<'_>) {
    let mut encoded = false;
    xml(text, &mut |leaf| {
        if leaf.ends(&["Pass", "@encoding"]) {
            encoded = leaf.text.eq_ignore_ascii_case(b"base64");
        } else if leaf.ends(&["Pass"]) {
            let (value, decoded) = match base64(&leaf.text).filter(|_| encoded) {
                Some(value) => (value.into(), Some(super::BASE64)),
                None => (leaf.text.clone(), None),
            };
            sink(Field { name: "password", key: leaf.dotted(), range: leaf.range.clone(), value, decoded });
            encoded = false;
        }
    });
}

/// `password: x`, `plain_text_passwd: x`, and the lines of `chpasswd`: `user:password`.
fn cloud_init(text: &[u8], sink: &mut Sink<'_>) {
    const KEYS: &[&[&str]] =
        &[&["password"], &["plain_text_passwd"], &["chpasswd", "users", "*", "password"]];
    yaml(text, &mut |leaf| {
        if KEYS.iter().any(|keys| leaf.ends(keys)) {
            super::field(leaf, "password", super::Encoding::Plain).into_iter().for_each(&mut *sink);
        } else if leaf.ends(&["chpasswd", "list"]) || leaf.ends(&["chpasswd", "list", "*"]) {
            lines::logins(text, leaf.range.clone(), &leaf.dotted(), sink);
        }
    });
}
