// Package guard is the only door out. Call New, then Table, Card, Refuse or Chart
// for what comes from the data, and Own for what a cell says itself.
//
// Each of the first four decides by the policy, writes the decision to the ledger
// and returns a Release when that is durable. A Release is the only value that may
// be published as data; no other package can make one, and the zero Release is
// empty. Every Release is signed.
//
// The guard refuses what has no rule, and what cannot be recorded.
package guard
