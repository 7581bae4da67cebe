package alsa

import (
	"fmt"
	"strconv"
)

// Card is a sound card.
type Card struct {
	Number     int    // "hw:" and this opens its control
	ID         string // "hw:" and this, too; it stays when numbers change
	Driver     string
	Name       string
	LongName   string
	Mixer      string
	Components string
}

// Cards lists the sound cards that are there.
func Cards() ([]Card, error) {
	lib, err := load()
	if err != nil {
		return nil, fmt.Errorf("listing cards: %w", err)
	}
	var cards []Card
	n := new(int32)
	for *n = -1; ; {
		if code := lib.cardNext(n); code < 0 {
			return nil, fmt.Errorf("listing cards: %w", code)
		}
		if *n < 0 {
			return cards, nil
		}
		c, err := OpenControl("hw:" + strconv.Itoa(int(*n)))
		if err != nil {
			return nil, err
		}
		card, err := c.Card()
		if err == nil {
			err = c.Close()
		}
		if err != nil {
			return nil, err
		}
		cards = append(cards, card)
	}
}

// Card is the card that the control belongs to.
func (c *Control) Card() (Card, error) {
	const op = "asking for the card"
	if err := c.begin(op); err != nil {
		return Card{}, err
	}
	defer c.call.Unlock()
	l, o := c.lib, new(ptr)
	if code := l.cardInfoNew(o); code < 0 {
		return Card{}, c.check(op, code)
	}
	i := *o
	defer l.cardInfoFree(i)
	if code := l.cardInfoRead(c.h, i); code < 0 {
		return Card{}, c.check(op, code)
	}
	return Card{
		Number: int(l.cardInfoGetCard(i)), ID: l.cardInfoGetId(i), Driver: l.cardInfoGetDriver(i), Name: l.cardInfoGetName(i),
		LongName: l.cardInfoGetLongname(i), Mixer: l.cardInfoGetMixername(i), Components: l.cardInfoGetComponents(i),
	}, nil
}

// CardPCM is a PCM device of a card. "hw:CARD,DEVICE" opens it.
type CardPCM struct {
	Device   int
	ID, Name string
	Playback int // how many programs can play at once: the number of subdevices
	Capture  int
}

// PCMs lists the card's PCM devices.
func (c *Control) PCMs() ([]CardPCM, error) {
	const op = "listing the card's PCMs"
	if err := c.begin(op); err != nil {
		return nil, err
	}
	defer c.call.Unlock()
	l, o := c.lib, new(ptr)
	if code := l.infoNew(o); code < 0 {
		return nil, c.check(op, code)
	}
	i := *o
	defer l.infoFree(i)
	n := new(int32)
	var list []CardPCM
	for *n = -1; ; {
		if code := l.ctlPcmNextDevice(c.h, n); code < 0 {
			return nil, c.check(op, code)
		}
		if *n < 0 {
			return list, nil
		}
		p := CardPCM{Device: int(*n)}
		for _, dir := range []Direction{Playback, Capture} {
			l.infoSetDevice(i, uint32(*n))
			l.infoSetSubdevice(i, 0)
			l.infoSetStream(i, uint32(dir))
			code := l.ctlPcmInfo(c.h, i)
			if code == codeENOENT { // no such direction
				continue
			}
			if code < 0 {
				return nil, c.check(op, code)
			}
			p.ID, p.Name = l.infoGetId(i), l.infoGetName(i)
			if dir == Playback {
				p.Playback = int(l.infoGetSubdevicesCount(i))
			} else {
				p.Capture = int(l.infoGetSubdevicesCount(i))
			}
		}
		list = append(list, p)
	}
}
