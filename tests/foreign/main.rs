//! rollcall against servers that other people wrote. Not part of the ordinary tests: the servers have to be installed.

mod scim;
