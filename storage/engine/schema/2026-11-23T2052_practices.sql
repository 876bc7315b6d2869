-- When the staff closed a thread; null again as soon as a participant writes in it.
alter table threads add column closed_at bigint;

-- How somebody of the staff answers: the time that they promise, and until when they are away. Shown to those who write with them.
create table practices (
    account bytea not null primary key references accounts (id),
    body bytea not null                       -- guarded
) without rowid;
