//! Whose word is taken for who a server is: the roots of trust of every connection that leaves this machine.
//!
//! ```text
//! system    what the operating system trusts, asked each time a client is built (SSL_CERT_FILE and SSL_CERT_DIR are
//!           followed where the system has no store of its own)
//! bundled   Mozilla's list, as it was when rollcall was built; what an administrator added to the system does not count
//! extra     certificates of a company's own authority, beside either of them
//! ```
//!
//! Invariant: there is no way to switch the verification of certificates or names off.
//! Invariant: nothing below TLS 1.2 is spoken, whatever the library would do.
//! Deliberately absent: client certificates, pinning, revocation lists.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Certificate, ClientBuilder};

/// The most certificates of one's own; a company has a handful.
pub const MOST_CERTIFICATES: usize = 100;

/// Which public authorities are trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Roots {
    /// Those of the operating system.
    #[default]
    System,
    /// Mozilla's, as built in.
    Bundled,
}

/// Roots of trust. Cheap to clone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tls {
    roots: Roots,
    /// DER of certificates that each were read once.
    extra: Arc<[Vec<u8>]>,
}

/// A file that does not hold certificates of an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// There is none in it.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// A private key lies beside it.
    #[error("there is a private key in it")]
    PrivateKey,
    /// One of them cannot be read.
    #[error("certificate {0} in it cannot be read")]
    Unreadable(usize),
    /// More than [`MOST_CERTIFICATES`].
    #[error("there are more than {MOST_CERTIFICATES} certificates in it")]
    TooMany,
}

impl TlsError {
    /// One thing to do.
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::NoCertificate => "give the certificate of the authority as PEM (-----BEGIN CERTIFICATE-----)",
            Self::PrivateKey => {
                "give the certificate alone; rollcall needs no key of an authority, and nobody should have it"
            }
            Self::Unreadable(_) => "export the certificate of the authority again, as X.509 in PEM",
            Self::TooMany => "give the authorities of your company; public ones are trusted already",
        }
    }
}

impl Tls {
    /// The public authorities, and those whose certificates are in `pem`.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn new(roots: Roots, pem: Option<&str>) -> Result<Self, TlsError> {
        let extra: Vec<Vec<u8>> = pem.map(certificates).transpose()?.unwrap_or_default();
        Ok(Self { roots, extra: extra.into() })
    }

    /// Which public authorities are trusted.
    #[must_use]
    pub fn roots(&self) -> Roots {
        self.roots
    }

    /// How many authorities of one's own are trusted beside them.
    #[must_use]
    pub fn own(&self) -> usize {
        self.extra.len()
    }

    /// DER of everything that is trusted beside the operating system's store.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        let bundled: &[_] = match self.roots {
            Roots::System => &[],
            Roots::Bundled => webpki_root_certs::TLS_SERVER_ROOT_CERTS,
        };
        bundled.iter().map(|certificate| certificate.as_ref()).chain(self.extra.iter().map(Vec::as_slice))
    }

    /// The same for a client.
    pub(super) fn apply(&self, builder: ClientBuilder) -> Result<ClientBuilder, reqwest::Error> {
        let list: Vec<Certificate> = self.certificates().map(Certificate::from_der).collect::<Result<_, _>>()?;
        let builder = builder.tls_version_min(reqwest::tls::Version::TLS_1_2);
        Ok(match self.roots {
            Roots::Bundled => builder.tls_certs_only(list),
            Roots::System if list.is_empty() => builder,
            Roots::System => builder.tls_certs_merge(list),
        })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({:?}, {} more)", self.roots, self.extra.len())
    }
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// All certificates of a PEM, each of which has been read as one.
fn certificates(pem: &str) -> Result<Vec<Vec<u8>>, TlsError> {
    if pem.contains("PRIVATE KEY-----") {
        return Err(TlsError::PrivateKey);
    }
    let mut found = Vec::new();
    for piece in pem.split(BEGIN).skip(1) {
        if found.len() == MOST_CERTIFICATES {
            return Err(TlsError::TooMany);
        }
        let unreadable = TlsError::Unreadable(found.len() + 1);
        let (body, _) = piece.split_once(END).ok_or(unreadable)?;
        let base64: String = body.split_whitespace().collect();
        let der = STANDARD.decode(base64).map_err(|_| unreadable)?;
        // A client that trusts nothing else is the test of it.
        let certificate = Certificate::from_der(&der).map_err(|_| unreadable)?;
        reqwest::Client::builder().tls_certs_only([certificate]).build().map_err(|_| unreadable)?;
        found.push(der);
    }
    if found.is_empty() { Err(TlsError::NoCertificate) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Certificate and key, made for tests.
    const PEM: &str = include_str!("../auth/testdata/test-only-certificate-and-key.pem");

    fn certificate() -> String {
        let from = PEM.find(BEGIN).unwrap();
        let to = PEM.find(END).unwrap() + END.len();
        PEM[from..to].to_owned()
    }

    #[test]
    fn certificates_are_read_one_by_one() {
        let one = certificate();
        let check = |pem: &str, expected: Result<usize, TlsError>| {
            assert_eq!(Tls::new(Roots::System, Some(pem)).map(|tls| tls.own()), expected);
        };
        check(&one, Ok(1));
        check(&format!("# ours\n{one}\n\n{one}\n"), Ok(2));
        check("", Err(TlsError::NoCertificate));
        check("no PEM", Err(TlsError::NoCertificate));
        check(PEM, Err(TlsError::PrivateKey));
        check(&format!("{one}\n{}", &one[..one.len() - 20]), Err(TlsError::Unreadable(2)));
        check(&format!("{BEGIN}\nAAAA\n{END}"), Err(TlsError::Unreadable(1)));
        check(&format!("{BEGIN}\n%%\n{END}"), Err(TlsError::Unreadable(1)));
        check(&one.repeat(MOST_CERTIFICATES + 1), Err(TlsError::TooMany));
    }

    #[test]
    fn a_client_can_be_built_from_every_choice() {
        let one = certificate();
        for roots in [Roots::System, Roots::Bundled] {
            for pem in [None, Some(one.as_str())] {
                let tls = Tls::new(roots, pem).unwrap();
                assert!(tls.apply(reqwest::Client::builder()).unwrap().build().is_ok(), "{tls:?}");
            }
        }
        assert!(Tls::new(Roots::Bundled, None).unwrap().certificates().count() > 100);
        assert_eq!(Tls::default().certificates().count(), 0);
        assert_eq!(format!("{:?}", Tls::new(Roots::Bundled, Some(&one)).unwrap()), "Tls(Bundled, 1 more)");
    }
}
