-- How far a programme has been offered, by e-mail, to those who chose to hear of new ones. Each is offered once.
create table programme_offers (
    programme text not null primary key references programmes (name),
    begun_at bigint not null,
    after bytea                               -- the account up to which it was; empty at first; null: to everybody
) without rowid;
