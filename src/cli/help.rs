//! Examples and words that stand below the options in help texts and manual pages.

/// How images are named, and examples.
pub(super) fn with_sources(examples: &str) -> String {
    format!("{SOURCES}\n\n{examples}")
}

pub(super) const EXAMPLES: &str = "\
Examples:
  regsize inspect ubuntu                          sizes of every platform of an image
  regsize inspect rocker/ml:4.4 --sort size       its layers, the largest first
  regsize inspect debian:12 alpine:3 ubuntu:24.04 base images side by side
  regsize inspect ghcr.io/owner/name --format json | jq '.images[].sizes'
  regsize analyze rocker/ml:4.4                   what is in the layers, and what of it in vain
  regsize files rocker/ml:4.4 /opt --depth 2      where the bytes under a directory are
  regsize packages rocker/ml:4.4 --top 20         what is installed, the largest first
  regsize compare my/app:1.2 my/app:1.3           what differs, and what made the difference
  regsize tags rocker/ml --match '4.*'            sizes of its tags, and what they share
  docker save my/image:dev | regsize analyze -    before a push: an archive on stdin
  regsize check rocker/ml:4.4 --max-compressed 2GB a verdict for CI
  regsize rules cache-pip                         what a rule finds, and what to do about it

Exit codes: 0 fine, 1 a limit of `check` is not kept, 2 could not tell (usage, network, bad data), 130 interrupted, 143 terminated.";

/// How images are named.
const SOURCES: &str = "\
An image is in a registry, [docker://][host[:port]/]repository[:tag][@digest], or in files:
  oci:DIRECTORY[:NAME]           an OCI image layout
  oci-archive:FILE[:NAME]        a tar archive of one, also compressed with gzip or zstd
  docker-archive:FILE[:NAME]     what `docker save` writes, also compressed so
  -                              either archive on stdin, which is read once
The prefix wins over a host of that name, and the path ends at the first colon. NAME is a tag, a
reference, or @ and a position from 0; without it there must be one image. For an image in files
nobody is asked, unless --base names an image; all is verified, and layers are read whole. Where
layers are stored uncompressed, as by `docker save`, compressed sizes are those of the tars, which a
warning says; the digest of such an image is that of a manifest made for the report. From stdin or
a compressed archive a layer cannot be read twice: --verify-toc and --verify-diff-ids want a plain
file.";

pub(super) const INSPECT_EXAMPLES: &str = "\
Examples:
  regsize inspect rocker/ml:latest
  regsize inspect rocker/ml@sha256:… --platform linux/arm64
  regsize inspect my/image:dev --base debian:12   own and base bytes apart
  regsize inspect localhost:5000/my/image --format csv > layers.csv
  regsize inspect oci:build/layout                what a build wrote, before it is pushed
  regsize inspect debian:12 alpine:3 ubuntu:24.04 one table, side by side";

pub(super) const CACHE_EXAMPLES: &str = "\
What is kept can be removed at any time: it is read again when it is needed. The entries that were
not used for the longest time go by themselves when all of them exceed --cache-size. These commands
are about the cache of this machine; one that machines share (--shared-cache) is left to the rules
of its bucket.

Examples:
  regsize cache info                              where it is and what is in it
  regsize cache prune                             bring it below --cache-size now
  regsize cache prune --older-than 30             remove what was not used for 30 days
  regsize cache prune --max-size 500MB            keep the 500 MB that were used last
  regsize cache clear --cache-dir /var/cache/regsize";

pub(super) const ANALYZE_EXAMPLES: &str = "\
Words:
  compressed  bytes on the wire, what a pull downloads
  content     sizes of the files that the layers store, together
  visible     content that the merged filesystem shows, what a container sees
  shadowed    content that a layer stores and the merged filesystem does not show: deleted,
              replaced or hidden by a later layer, or stored twice by the same; a pull costs it
  efficiency  visible / content
  owner       whose a file is: a package's, a tool's, the application's, nobody's
  finding     what a rule found: `regsize rules` lists them; what one saves counts for no other

Examples:
  regsize analyze rocker/ml:4.4
  regsize analyze rocker/ml:4.4 --full             all of it; Markdown is always complete
  regsize analyze rocker/ml:4.4 --format markdown > report.md
  regsize analyze rocker/ml:4.4 --top 30 --dive    longer lists, and what dive would say
  regsize analyze my/image:dev --only cache,waste --skip cache-pip
  regsize analyze my/image:dev --dockerfile Dockerfile
                                                   name the lines that made the layers
  regsize analyze my/image:dev --format csv --table findings > findings.csv
  regsize analyze oci-archive:image.tar            a file; also oci:DIRECTORY, docker-archive:FILE
  docker save my/image:dev | regsize analyze -     what is on stdin
  regsize analyze my/image:dev --all-platforms     every platform; shared layers are read once
  regsize analyze my/image:dev --min-layer 10MB    leave out the layers that hardly matter
  regsize analyze my/image:dev --format json | jq '.images[].waste[0]'";

pub(super) const FILES_EXAMPLES: &str = "\
Examples:
  regsize files rocker/ml:4.4 --depth 2            the largest directories
  regsize files rocker/ml:4.4 /opt/conda --top 20  below one of them
  regsize files my/image:dev --layer 3 --all       what one layer stores, whiteouts included
  regsize files my/image:dev --shadowed --all      what later layers delete or replace
  regsize files my/image:dev --all --format csv > files.csv
  regsize files oci:build/layout /usr --depth 2    of what a build wrote";

pub(super) const PACKAGES_EXAMPLES: &str = "\
Examples:
  regsize packages rocker/ml:4.4                   all that is installed, the largest first
  regsize packages rocker/ml:4.4 --ecosystem python,conda --top 20
  regsize packages rocker/ml:4.4 --format csv > packages.csv
  regsize packages docker-archive:image.tar        of what docker save wrote
  regsize packages rocker/ml:4.4 --format manifest > VERSION_MANIFEST.txt";

pub(super) const COMPARE_EXAMPLES: &str = "\
Only the layers that differ are read: what both images have cancels out. A report that was written
earlier stands for an image, and needs no registry. It is named by @FILE, by a path that starts
with / or ./ or ../, or by the name of a file that ends in .json.

Examples:
  regsize compare my/app:1.2 my/app:1.3            version to version
  regsize compare my/app:1.2 my/app:1.3 --platform linux/arm64
  regsize compare my/app:1.2 my/app:1.3 --manifest-only
                                                   sizes and layers; no layer is read
  regsize analyze my/app:1.2 --format json > old.json
  regsize compare old.json my/app:1.3              against a report of an earlier run
  regsize compare my/app:1.1 my/app:1.2 my/app:1.3 each with each, in one matrix
  regsize compare my/app:1.3 --platforms           the platforms of one image; --platforms amd64,arm64
  regsize compare my/app:1.2 my/app:1.3 --format csv --table packages > packages.csv
  regsize compare my/app:1.2 my/app:1.3 --format json | jq '.causes[:5]'";

pub(super) const AUDIT_EXAMPLES: &str = "\
The history is regsize/history.sqlite in $XDG_DATA_HOME unless --store, --store-file or REGSIZE_STORE
name another place: a file on a local disk, or a PostgreSQL database for several machines. A password
goes into REGSIZE_STORE, a file for --store-file, or a password file of PostgreSQL (PGPASSFILE); the
command line is no place for it. A server on another machine has to prove its name by TLS; add
?sslrootcert=FILE for an authority of your own, or ?sslmode=prefer to ask for no proof.

Examples:
  regsize audit record my/app:latest my/app:2.1    what these tags are now, platform by platform
  regsize audit record my/app:latest --manifest-only
                                                   sizes of layers alone; no layer is read
  regsize audit history debian:12                  sizes of a tag over time, per platform
  regsize audit history ghcr.io/owner/name --format json | jq '.points[]'
  regsize audit report --html report.html          what moved in 30 days and why, with charts
  regsize audit report debian:12 --since 2026-11-01 --format markdown
  regsize audit diff debian:12 2026-11-01 2026-11-30
                                                   what made the difference of a month
  regsize audit verify                             whether every row is what was written
  regsize audit prune --keep 400d --dry-run        what would go
  regsize audit export sizes.parquet               for DuckDB and friends
  regsize audit export | gzip > history.jsonl.gz
  regsize audit import history.jsonl --store postgres://me@db.example/sizes";

pub(super) const AUDIT_RUN_EXAMPLES: &str = "\
Targets are in section [audit] of regsize.toml; its sections [budget], [ignore] and [severity] hold
for all of them. A tag that did not move costs one HEAD. The exit code is 1 if a hard limit is
exceeded, and 2 if something could not be found out or recorded. What could not be recorded waits in a
file in --spool, and the next run that can records it.

Examples:
  regsize audit init regsize.toml --target ghcr.io/owner/name
                                                   a file to begin with
  regsize audit check-config                       what it says, and when targets are due
  regsize audit run                                one pass, from cron or CI
  regsize audit run --only ghcr.io/owner/name --format markdown";

pub(super) const AUDIT_WATCH_EXAMPLES: &str = "\
Each target needs a schedule, or section [audit] one for all. A target that still runs when it is due
again is left out; times that were missed are made up for by one run. SIGINT or SIGTERM stops it: it
begins nothing new and waits for what runs; the second one ends it at once.

One process watches a history in a file. Any number of them, on any machines, share one in PostgreSQL:
each target is run by one of them, and what one leaves behind when it dies, another does.

Examples:
  regsize audit watch                              what regsize.toml says
  regsize audit watch --listen 0.0.0.0:9464        metrics for others to read
  REGSIZE_STORE=postgres://… regsize audit watch   one worker of several";

pub(super) const CHECK_EXAMPLES: &str = "\
Limits come from the command line, from section [budget] of regsize.toml, or from dive's .dive-ci.
The last line is for programs: regsize-verdict: pass|warn|fail|unknown …; it is on stderr where
stdout is a document. What could not be measured is never a pass.

Examples:
  regsize check my/image:dev --max-compressed 2GB --max-layers 40
                                                   two documents are read, and no layer
  regsize check my/image:dev --baseline my/image:latest --max-growth '5% and 50MB'
  regsize check my/image:dev --min-efficiency 95% --forbid-findings high
  regsize check my/image:dev --forbid-path '**/*.pem' --forbid-package 'gcc*'
  regsize check my/image:dev --warn max-compressed=1.5GB --max-compressed 2GB
  regsize check my/image:dev --format github       annotations, and a summary of the job
  regsize check my/image:dev --format sarif > regsize.sarif
  regsize check my/image:dev                       limits of regsize.toml, or else of .dive-ci
  regsize check my/image:dev --all-platforms       the verdict is the worst

Exit codes: 0 pass or warn, 1 fail, 2 could not tell.";

pub(super) const RULES_EXAMPLES: &str = "\
Examples:
  regsize rules                                    all rules, family by family
  regsize rules cache                              those of a family
  regsize rules cache-pip                          all that is known of one
  regsize rules 'cache-*' --format json | jq '.rules[].title'";

pub(super) const TAGS_EXAMPLES: &str = "\
A tag is read if it fits one of --match, if there are any, and --regex and --semver, and none of
--exclude. In a pattern `*` stands for any characters. As versions, v1.2 is 1.2.0 and 24.04 is
24.4.0; what follows a dash is a pre-release, which a range has only if it names one.

Images stand newest first, by the date in their configs, without one by the names of their tags.
Which tags are read is settled before any date is known: `latest`, then the highest versions, then
other names, the last in the alphabet first.

Each tag costs a HEAD, which is no pull. An image that is not in the cache costs a pull for its
manifest and one for the index around it.

Words:
  next pull   compressed bytes of layers that the next older image does not have: what a pull
              costs for who has that one
  own         compressed bytes of layers that no other image of the list has
  unique      compressed bytes of all layers, each counted once

Examples:
  regsize tags rocker/ml
  regsize tags rocker/ml --match '4.*' --exclude '*-cuda*'
  regsize tags ghcr.io/owner/name --semver '>=1.2, <2' --all
  regsize tags debian --regex '^[0-9]+$' --platform linux/arm64
  regsize tags my/image --newest 50 --reserve 30   leave 30 pulls of the limit to others
  regsize tags my/image --format json | jq '.groups[].tags[0]'";
