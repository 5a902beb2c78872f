package verb

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
)

// errNotConfirmed says that the user did not confirm what a verb would do.
var errNotConfirmed = errors.New("not confirmed: nothing was changed")

// Confirm asks the user to type the word. Without a terminal it refuses and
// says which flags stand for the answer.
func (p *Program) Confirm(question, word, flags string) error {
	if !p.Interactive {
		return fmt.Errorf("nothing was changed: there is no terminal to ask on; give %s", flags)
	}
	fmt.Fprintf(p.Err, "%s Type %q to go on: ", question, word)
	answer, err := bufio.NewReader(p.In).ReadString('\n')
	if err != nil && answer == "" {
		return errNotConfirmed
	}
	if strings.TrimSpace(answer) != word {
		return errNotConfirmed
	}
	return nil
}
