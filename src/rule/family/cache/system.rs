//! Caches of the distribution's package managers and of the system.

use super::CACHE;
use crate::ledger::AtomId;
use crate::rule::purpose::installs_through_apt;
use crate::rule::{Candidate, Claim, Detect, Facts, Paths, Phrase, Risk, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "cache-apt-lists",
        title: "Package indexes of apt",
        detect: Detect::Paths(
            Paths::any(&["var/lib/apt/lists/", "var/lib/aptitude/"])
                .except(&["var/lib/apt/lists/lock", "var/lib/apt/lists/partial/"])
                .then(kept_for_apt),
        ),
        why: "apt downloads its indexes anew before it installs anything; nothing reads the old ones.",
        fix: "RUN {{cmd}} \\\n && rm -rf /var/lib/apt/lists/*",
        caution: "Images that install packages through apt while they run (bspm, r2u) need them.",
        links: &["https://docs.docker.com/build/building/best-practices/#apt-get"],
        ..CACHE
    },
    Rule {
        id: "cache-apt-archives",
        title: "Downloads and caches of apt, old copies of debconf's data",
        detect: Detect::Paths(
            Paths::any(&[
                "var/cache/apt/archives/*.deb",
                "var/cache/apt/archives/partial/",
                "var/cache/apt/pkgcache.bin",
                "var/cache/apt/srcpkgcache.bin",
                "var/cache/debconf/*-old",
            ])
            .then(only_of_debconf),
        ),
        why: "What apt downloaded is installed; it builds its binary caches anew when it runs, and nothing reads debconf's old copies.",
        fix: "RUN {{cmd}} \\\n && rm -rf {{paths}}",
        caution: "The official Debian and Ubuntu images clean up by themselves unless \
                  /etc/apt/apt.conf.d/docker-clean is removed, which is only right beside a cache \
                  mount on /var/cache/apt.",
        links: &["https://docs.docker.com/build/building/best-practices/#apt-get"],
        ..CACHE
    },
    Rule {
        id: "cache-dnf-yum-zypper-pacman",
        title: "Caches of dnf, yum, zypper or pacman",
        detect: Detect::Paths(Paths::any(&[
            "var/cache/dnf/",
            "var/cache/libdnf5/",
            "var/cache/yum/",
            "var/cache/tdnf/",
            "var/cache/PackageKit/",
            "var/cache/zypp/",
            "var/cache/pacman/pkg/",
            "var/lib/dnf/repos/",
            "var/lib/yum/history/",
            "var/lib/yum/yumdb/",
            "var/lib/pacman/sync/",
        ])),
        why: "The package manager downloads indexes and packages anew when it next installs.",
        fix: "RUN {{cmd}} \\\n && dnf clean all && rm -rf /var/cache/dnf /var/cache/yum\n\
              # zypper: zypper clean --all\n# pacman: rm -rf /var/cache/pacman/pkg/* /var/lib/pacman/sync/*",
        caution: "The databases of what is installed (/var/lib/rpm, history.sqlite of dnf) are \
                  records and stay.",
        ..CACHE
    },
    Rule {
        id: "cache-apk",
        title: "Package indexes and packages of apk",
        detect: Detect::Paths(Paths::any(&["var/cache/apk/", "etc/apk/cache/"])),
        why: "apk downloads them anew when it next installs.",
        fix: "RUN {{cmd}} \\\n && rm -rf /var/cache/apk/*\n# or: apk add --no-cache …",
        caution: "A cache that the image keeps on purpose, for machines without a network, is none.",
        ..CACHE
    },
    Rule {
        id: "cache-system-generated",
        title: "Generated caches of the system",
        min: 5_000_000,
        detect: Detect::Paths(
            Paths::any(&[
                "var/cache/man/",
                "var/cache/ldconfig/",
                "var/cache/app-info/",
                "var/cache/swcatalog/",
                "var/lib/mlocate/",
                "var/lib/plocate/",
                "var/lib/texmf/web2c/**/*.log",
                "**/texmf-var/web2c/**/*.log",
            ])
            .careful(&["var/cache/fontconfig/", "usr/share/**/fontconfig/cache/"]),
        ),
        why: "Programs make these files again when they miss them.",
        fix: "RUN {{cmd}} \\\n && rm -rf /var/cache/man/* /var/cache/ldconfig/*",
        caution: "Without the cache of fonts the first program that draws text starts more slowly. \
                  A daemon's working directory may be here too: keep the directory, with its owner.",
        ..CACHE
    },
];

/// Says what it is where nothing of apt's is in it.
fn only_of_debconf(facts: &Facts<'_>, mut candidate: Candidate) -> Candidate {
    let Claim::Files(files) = &candidate.claim else { return candidate };
    let is_debconf =
        |(file, _): &(AtomId, u32)| facts.ledger.path(*file).starts_with(b"var/cache/debconf/");
    if files.iter().all(is_debconf) {
        candidate.message = Phrase::words("Old copies of debconf's answers and texts");
    }
    candidate
}

fn kept_for_apt(facts: &Facts<'_>, candidate: Candidate) -> Candidate {
    if !installs_through_apt(facts) {
        return candidate;
    }
    let note = "R installs packages through apt in this image (bspm): without the indexes it \
                compiles them from source.";
    candidate.risk(Risk::Test).note(Phrase::words(note))
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::{check, found};

    #[test]
    fn apt_lists() {
        check(
            "cache-apt-lists",
            "
RUN apt-get update && apt-get install -y jq
  var/lib/apt/lists/deb.debian.org_dists_bookworm_main 40_000_000
  var/lib/apt/lists/lock 5_000_000
  usr/bin/jq 30_000
",
            &[40_000_000],
        );
        // Emptied in the same step.
        check("cache-apt-lists", "RUN apt-get update\n  var/lib/apt/lists/lock 0\n", &[]);
    }

    #[test]
    fn apt_lists_of_images_that_install_through_apt_are_not_safe() {
        let image = "
RUN a
  var/lib/apt/lists/x 40_000_000
  etc/R/Rprofile.site = \"bspm::enable()\\n\"
";
        let [finding] = &found(image, &["cache-apt-lists"])[..] else { panic!("one") };
        assert_eq!((finding.risk.as_str(), finding.notes.len()), ("test", 1));
    }

    #[test]
    fn apt_archives() {
        let image = "
RUN apt-get install -y x
  var/cache/apt/archives/x_1_amd64.deb 3_000_000
  var/cache/apt/pkgcache.bin 1_000_000
  srv/repo/x_1_amd64.deb 7_000_000
";
        check("cache-apt-archives", image, &[4_000_000]);
        check("cache-apt-archives", "RUN a\n  var/cache/apt/archives/lock 2_000_000\n", &[]);
        let message = |image: &str| found(image, &["cache-apt-archives"])[0].message.to_string();
        assert!(message(image).starts_with("Downloads and caches of apt"));
        let debconf = "RUN a\n  var/cache/debconf/templates.dat-old 2_000_000\n";
        assert_eq!(message(debconf), "Old copies of debconf's answers and texts");
    }

    #[test]
    fn dnf_yum_zypper_pacman() {
        let image = "
RUN dnf install -y x
  var/cache/dnf/x.solv 2_000_000
  var/cache/pacman/pkg/y.zst 3_000_000
  var/lib/dnf/history.sqlite 4_000_000
  var/lib/rpm/rpmdb.sqlite 9_000_000
";
        check("cache-dnf-yum-zypper-pacman", image, &[5_000_000]);
    }

    #[test]
    fn apk() {
        check("cache-apk", "RUN a\n  var/cache/apk/APKINDEX.1.tar.gz 2_000_000\n", &[2_000_000]);
        check(
            "cache-apk",
            "RUN a\n  etc/apk/cache -> /var/cache/apk\n  lib/apk/db/x 2_000_000\n",
            &[],
        );
    }

    #[test]
    fn system_generated() {
        let image = "
RUN a
  var/cache/man/index.db 6_000_000
  var/cache/fontconfig/a.cache-7 7_000_000
  var/cache/apt/archives/a.deb 8_000_000
  var/cache/nginx/b 9_000_000
";
        check("cache-system-generated", image, &[7_000_000, 6_000_000]);
    }
}
