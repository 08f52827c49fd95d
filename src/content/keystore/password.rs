//! Passwords that protect nothing: those that tools and manuals set, and those that people guess first.

/// A password and where it comes from.
const DEFAULTS: &[(&str, &str)] = &[
    ("changeit", "Java: the password of cacerts, and of most examples of keytool"),
    ("", "openssl pkcs12 -passout pass:"),
    ("password", "the most common of all"),
    ("changeme", "GlassFish, and manuals"),
    ("secret", "Spring Boot's and Quarkus' manuals"),
    ("notasecret", "Google: every .p12 key of a service account"),
    ("123456", "the most common of all"),
    ("android", "Android's debug.keystore"),
    ("none", "Hadoop: credential providers without a password file"),
    ("WebAS", "WebSphere's key.p12"),
    ("wso2carbon", "WSO2's wso2carbon.jks"),
    ("keystore", "Jetty's and Tomcat's examples"),
    ("storepass", "examples of keytool"),
    ("keypass", "examples of keytool"),
    ("mypassword", "examples of keytool"),
    ("admin", "people"),
    ("test", "people"),
    ("demo", "people"),
    ("letmein", "Spring Security's examples"),
    ("confluent", "Confluent's examples of Kafka"),
    ("test1234", "Kafka's manual"),
    ("passw0rd", "people"),
    ("12345678", "people"),
];

/// What is tried: the list, and the name of the file with and without its ending.
pub(super) fn candidates(path: &[u8]) -> Vec<String> {
    let mut all: Vec<String> = DEFAULTS.iter().map(|(password, _)| (*password).to_owned()).collect();
    let name = path.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default();
    if let Ok(name) = std::str::from_utf8(name)
        && name.len() <= 64
    {
        let stem = name.split('.').next().unwrap_or_default();
        for own in [stem, name] {
            if !own.is_empty() && !all.iter().any(|known| known == own) {
                all.push(own.to_owned());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_own_name_is_tried_too() {
        let all = candidates(b"etc/ssl/payments.prod.p12");
        assert_eq!(all[all.len() - 2..], ["payments", "payments.prod.p12"]);
        assert_eq!(candidates(b"").len(), DEFAULTS.len());
    }

    #[test]
    fn each_is_there_once_with_its_source() {
        for (index, (password, source)) in DEFAULTS.iter().enumerate() {
            assert!(
                !source.is_empty() && DEFAULTS[..index].iter().all(|other| other.0 != *password),
                "{password}"
            );
        }
    }
}
