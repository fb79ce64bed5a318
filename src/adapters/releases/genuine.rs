//! What shows that an archive is the one that is meant: its SHA-256, and the signature of whoever makes the releases.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use minisign_verify::Signature;

use super::download::{self, DownloadError};
use crate::adapters::http::Http;
use crate::error::Fault;
use crate::model::manifest::Digest;
use crate::model::release::Version;
use crate::profile::{Address, SigningKey};

/// What is there besides when a checksum cannot be had.
const BY_HAND: &str = "give it, from somebody who knows: `--sha256 HEX`; nothing was changed";

/// The SHA-256 that a list tells of a release's archive. Over plain HTTP whoever can change the archive can change the list
/// too, so that a list from there says something only of archives that are signed.
pub(super) async fn published(
    http: &Http,
    list: &Address,
    archive: &Address,
    version: &Version,
    are_signed: bool,
) -> Result<Digest, Fault> {
    let (url, name) = (list.of(version), archive.file_name(version));
    if !list.is_https() && !are_signed {
        return Err(Fault::new(format!(
            "{url} shows nothing: whoever can change the archive on its way can change it too"
        ))
        .hint("use https for `source` in opsctl.toml, or set `public_key`, if the releases are signed")
        .hint(BY_HAND));
    }
    let text = download::text(http, &url).await.map_err(|error| match error {
        error if error.is_missing() => {
            Fault::caused_by(format!("there is no SHA-256 of {name}: {url} cannot be fetched"), &error)
                .hint("is there such a release, and are `source` and `checksums` in opsctl.toml right?")
                .hint(BY_HAND)
        }
        error => error.fault(&url),
    })?;
    listed(&text, &name).ok_or_else(|| {
        Fault::new(format!("there is no SHA-256 of {name} in {url}"))
            .hint("is there such a release? its line would be: 64 hexadecimal digits, two spaces, the file's name")
            .hint(BY_HAND)
    })
}

/// The SHA-256 of a file in a list as `sha256sum` writes it; a text that is nothing but one is that of the file beside it.
fn listed(text: &str, name: &str) -> Option<Digest> {
    let digest = |hex: &str| Digest::try_from(hex.to_ascii_lowercase()).ok();
    let of_line = |line: &str| {
        let (hex, rest) = line.split_once([' ', '\t'])?;
        let named = rest.trim().trim_start_matches('*').trim_start_matches("./");
        (named == name).then(|| digest(hex)).flatten()
    };
    text.lines().find_map(of_line).or_else(|| digest(text.trim()))
}

/// That a file which was fetched is the one that is meant.
pub(super) fn require(url: &str, wanted: Digest, found: Digest) -> Result<(), Fault> {
    if wanted == found {
        return Ok(());
    }
    Err(Fault::new(format!("{url} has the SHA-256 {found}, and not {wanted}"))
        .hint("it was damaged on its way, or is not what was released: ask whoever made the release; nothing was changed"))
}

/// The signature beside an archive.
pub(super) async fn signature(http: &Http, archive: &Address, version: &Version) -> Result<Signature, Fault> {
    let name = archive.file_name(version);
    let url = archive.sibling(&format!("{name}.minisig")).of(version);
    let text = download::text(http, &url).await.map_err(|error| match error {
        DownloadError::Status(404 | 410) => Fault::caused_by(
            format!("there is no signature of {name}: {url} cannot be fetched"),
            &error,
        )
        .hint(
            "opsctl.toml has a `public_key`: then nothing is taken that is not signed; nothing was changed",
        ),
        error => error.fault(&url),
    })?;
    let signature = Signature::decode(&text).map_err(|error| {
        Fault::caused_by(format!("{url} is no signature of minisign"), &error)
            .hint("ask whoever made the release; nothing was changed")
    })?;
    // Otherwise an old release, which was signed in its time, could be passed off as a new one.
    match signed_name(signature.trusted_comment()) {
        Some(signed) if signed == name => Ok(signature),
        Some(signed) => Err(Fault::new(format!("{url} is the signature of another file: {signed}"))
            .hint("ask whoever made the release; nothing was changed")),
        None => {
            Err(Fault::new(format!("{url} does not say which file it is the signature of")).hint(format!(
                "minisign does so by itself: its trusted comment holds `file:{name}`; nothing was changed"
            )))
        }
    }
}

/// The name of the file that a signature says it is of, if it does.
fn signed_name(trusted_comment: &str) -> Option<&str> {
    trusted_comment.split('\t').find_map(|part| part.trim().strip_prefix("file:"))
}

/// That an archive is signed with a key.
pub(super) fn require_signed(
    key: &SigningKey,
    signature: &Signature,
    archive: &Path,
    url: &str,
) -> Result<(), Fault> {
    let failed = |error: &dyn std::error::Error| {
        Fault::caused_by(format!("{url} is not signed with the `public_key` of opsctl.toml"), error)
            .hint("somebody else made it, or the key is an old one: ask whoever makes the releases; nothing was changed")
    };
    let unreadable =
        |error: std::io::Error| Fault::caused_by(format!("{} cannot be read", archive.display()), &error);
    let key = key.key();
    let mut verifier = key.verify_stream(signature).map_err(|error| failed(&error))?;
    let mut file = File::open(archive).map_err(unreadable)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer).map_err(unreadable)? {
            0 => return verifier.finalize().map_err(|error| failed(&error)),
            count => verifier.update(&buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_checksum_is_found_by_the_whole_name() {
        let other = HEX.replace('e', "d");
        let text = format!("{other}  old-c-1.tar.gz\n{other}  c-1.tar.gz.minisig\n{HEX} *./c-1.tar.gz\n");
        assert_eq!(listed(&text, "c-1.tar.gz").unwrap().to_string(), HEX);
        assert!(listed(&text, "c-2.tar.gz").is_none());
        assert_eq!(listed(&format!("{}\n", HEX.to_uppercase()), "c-2.tar.gz").unwrap().to_string(), HEX);
        for bad in ["", "c-2.tar.gz", "12  c-2.tar.gz", &format!("{HEX}{HEX}")] {
            assert!(listed(bad, "c-2.tar.gz").is_none(), "{bad}");
        }
    }

    #[test]
    fn a_signature_names_its_file() {
        assert_eq!(signed_name("timestamp:1700000000\tfile:c-1.tar.gz\thashed"), Some("c-1.tar.gz"));
        assert_eq!(signed_name("made by hand"), None);
    }
}
