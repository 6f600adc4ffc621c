package guard

import (
	"fmt"
	"strings"
)

// Explain is what the policy means for who asks questions, as Markdown.
func (p Policy) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Policy **%s**\n\n", inMarkdown.Replace(p.Version))
	for _, line := range []string{
		fmt.Sprintf("A count of 1 to %d participants is not shown, nor a number from which one would follow. Zero may be.", p.Threshold),
		fmt.Sprintf("A mean, a standard deviation or a sum is of at least %d participants, a quantile has at least %d on each side.", p.Participants.Means, p.Participants.Quantiles),
		fmt.Sprintf("In a sum nobody dominates: the values but the two largest make up at least %d%% of the largest, and the two largest at most %d%% of all.", p.Dominance.P, p.Dominance.K),
		fmt.Sprintf("Numbers have at most %d significant digits, percentages %d decimals.", p.Precision.Digits, p.Precision.Decimals),
		"Rows of participants, and the smallest and the largest value, are not shown. Participants cannot be addressed.",
	} {
		b.WriteString("- " + line + "\n")
	}
	return b.String()
}
