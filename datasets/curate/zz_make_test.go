package curate

import ("testing";"context";"os";"strconv")

func TestMake(t *testing.T) {
	dir := os.Getenv("MAKE_DIR")
	if dir == "" { t.Skip() }
	n,_ := strconv.Atoi(os.Getenv("MAKE_N"))
	os.RemoveAll(dir)
	if err := Synthesize(context.Background(), dir, SynthesizeOptions{Participants:n}, nil); err != nil { t.Fatal(err) }
}
