package adapter

// Transactional is a client that has transactions.
type Transactional interface {
	// NewTransactor makes the producer of a transactional id, which takes the id over.
	NewTransactor(command Command) (Transactor, error)
}

// Transactor is a producer of transactions, one after the other.
type Transactor interface {
	Begin() error
	// Send returns when the records are acknowledged.
	Send(command Command) error
	// SendOffsets commits in the transaction what the member has given out.
	SendOffsets(member Member) error
	End(commit bool) error
	Close()
}

type transaction struct {
	producer Transactor
	open     bool
}

// transactions are those of this process, by transactional id; one that fails is forgotten.
var transactions = map[string]*transaction{}

func transact(client Client, c Command) error {
	transactional, can := client.(Transactional)
	if !can {
		return errUnsupported
	}
	t := transactions[c.ID]
	if t == nil {
		producer, err := transactional.NewTransactor(c)
		if err != nil {
			return err
		}
		t = &transaction{producer: producer}
		transactions[c.ID] = t
	}
	if err := t.carryOut(c); err != nil {
		delete(transactions, c.ID)
		t.producer.Close()
		return err
	}
	return nil
}

func (t *transaction) carryOut(c Command) error {
	if !t.open {
		if err := t.producer.Begin(); err != nil {
			return err
		}
		t.open = true
	}
	if len(c.Records) > 0 {
		if err := t.producer.Send(c); err != nil {
			return err
		}
	}
	if c.Consumed {
		if err := t.producer.SendOffsets(member); err != nil {
			return err
		}
	}
	if c.End == "" {
		return nil
	}
	t.open = false
	return t.producer.End(c.End == "commit")
}
