-- Which epochs somebody can open: a thread that `participants` hides from them is found by it.
create index grants_of_account on grants (account, thread, epoch);
