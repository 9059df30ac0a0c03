package crypto

// TakeSlot takes a slot of those that hash passwords, and returns what gives it back.
func TakeSlot() func() {
	slots <- struct{}{}
	return func() { <-slots }
}
