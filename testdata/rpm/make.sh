#!/bin/sh
# Makes table.sqlite, rpmdb.sqlite and rpmdb-upgraded.sqlite. Needs rpm, rpmbuild and python3.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

build() {
    cat > "$work/demo.spec" <<SPEC
Name: demo
Epoch: 1
Version: $1
Release: 1
Summary: A tool to test with
License: MIT
BuildArch: noarch
Requires: demo-libs >= 1, (a or b)
Recommends: demo-doc
%description
Nothing.
%package libs
Summary: Its libraries
%description libs
Nothing.
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/etc %{buildroot}/usr/lib/demo
echo $1 > %{buildroot}/usr/bin/demo
echo $1 > %{buildroot}/etc/demo.conf
for number in \$(seq 40); do echo \$number > %{buildroot}/usr/lib/demo/part-\$number; done
%files
/usr/bin/demo
%config /etc/demo.conf
%ghost /var/log/demo
%files libs
/usr/lib/demo
SPEC
    rpmbuild --quiet -bb --define "_topdir $work/build" --define "_rpmdir $work/$1" "$work/demo.spec"
}

# The database as it is, but with small pages and without the indexes that a reader of all has no
# use for.
keep() {
    python3 - "$work/db/rpmdb.sqlite" "$1" <<'PYTHON'
import os, sqlite3, shutil, sys
source, target = sys.argv[1:]
if os.path.exists(target):
    os.remove(target)
database = sqlite3.connect(source)
database.execute('pragma journal_mode = delete')
database.close()
shutil.copy(source, target)
database = sqlite3.connect(target, isolation_level=None)
tables = database.execute("select name from sqlite_schema where type = 'table'").fetchall()
for (name,) in tables:
    if name not in ('Packages', 'Name', 'sqlite_sequence'):
        database.execute(f'drop table "{name}"')
database.execute('pragma page_size = 1024')
database.execute('vacuum')
database.execute('pragma journal_mode = wal')
database.close()
PYTHON
}

install() {
    rpm --dbpath "$work/db" --define '_db_backend sqlite' --justdb --nodeps --force -U "$work/$1"/noarch/*.rpm
}

build 1.0
build 2.0
rpm --dbpath "$work/db" --define '_db_backend sqlite' --initdb
install 1.0
keep rpmdb.sqlite
rpm --dbpath "$work/db" --define '_db_backend sqlite' --justdb --nodeps -U "$work"/2.0/noarch/demo-2*.rpm
keep rpmdb-upgraded.sqlite

rm -f table.sqlite
python3 - <<'PYTHON'
import sqlite3
database = sqlite3.connect('table.sqlite', isolation_level=None)
database.execute('pragma page_size = 512')
database.execute('create table other (a)')
database.execute('create table sample (number integer primary key, value blob not null)')
database.execute('create table empty (number integer primary key, value blob not null)')
rows = [bytes((at + row) % 251 for at in range(row * row)) for row in range(60)]
database.executemany('insert into sample (value) values (?)', [(row,) for row in rows])
PYTHON
ls -l
