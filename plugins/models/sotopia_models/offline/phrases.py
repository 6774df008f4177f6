"""The stock of phrases that the stand-in speaks with: every sentence it can say is one of these, filled in."""

from __future__ import annotations

from string import Formatter
from typing import NamedTuple


class Phrase(NamedTuple):
    """A template, and its longest fixed part, by which an earlier use of it is recognised."""

    template: str
    mark: str


Stock = tuple[Phrase, ...]


def _stock(*templates: str) -> Stock:
    return tuple(Phrase(one, max((part[0] for part in Formatter().parse(one)), key=len)) for one in templates)


# How any talk opens.

GREETING_FIRST = _stock(
    "Hello, {other}. I am {me}.",
    "Good day. I am {me}, and I am glad you have a moment.",
    "Hello. We have not been introduced: my name is {me}.",
    "Hello there. {me} is my name. I hope I am not disturbing you.",
)
GREETING_BACK = _stock(
    "Hello. Pleased to meet you, {other}. I am {me}.",
    "Good day to you. I am {me}.",
    "Hello, {other}. {me} is my name, and I am in no hurry.",
    "And hello to you. They call me {me}.",
)
GREETING_FRIEND_FIRST = _stock(
    "Hello, {other}. It is good to see you.",
    "There you are, {other}. I am glad that I caught you.",
    "Hello, {other}. I was hoping we would get to talk.",
    "{other}, how nice. You look well.",
)
GREETING_FRIEND_BACK = _stock(
    "Hello, {other}. I am glad to see you, too.",
    "Hello, {other}. For you I always have a moment.",
    "Good of you to say so, {other}. Sit down with me.",
    "{other}, hello. I was just thinking of you.",
)
GREETING_ALL_FIRST = _stock(
    "Hello, everyone.",
    "Good day to you all.",
    "I am glad that we are all here.",
    "Now that we are together, hello.",
)
GREETING_ALL_BACK = _stock(
    "Hello, all of you.",
    "Good to see you all.",
    "Hello from me, too.",
    "A good day from my side as well.",
    "A warm hello to the whole round.",
    "Greetings, everybody.",
    "Hello, hello.",
)

# How any talk closes.

PARTING_SETTLED = _stock(
    "Thank you, {other}. That went well, I think. Take care.",
    "I am glad that we talked, {other}. All the best to you.",
    "Thank you for being so straightforward. See you, {other}.",
    "That is a weight off my mind. Take care, {other}.",
    "Good. I must be off, then. All the best, {other}.",
)
PARTING_OPEN = _stock(
    "We may not have settled everything, {other}, but I am glad that we talked. Take care.",
    "Let us leave it there for today, {other}. Thank you for hearing me out.",
    "I will think about what you said, {other}. All the best until then.",
    "I must be going. Thank you for your patience, {other}, and take care.",
    "Perhaps we can come back to this another day. All the best, {other}.",
)
PARTING_NO_DEAL = _stock(
    "Then I am afraid that we have no deal. No hard feelings, {other}.",
    "We are too far apart, so let us leave it there. All the best, {other}.",
    "I have gone as far as I can. Let us leave it at that, {other}, and stay on good terms.",
    "It was worth trying. Thank you for your time, {other}, and take care.",
    "I cannot make that work, and so there is no deal. Thank you for coming all the same.",
    "No deal, then, and no harm done. Good luck to you, {other}.",
)
PARTING_BACK = _stock(
    "I understand. All the best to you, too, {other}.",
    "So be it, and thank you all the same. Take care, {other}.",
    "Thank you, {other}. Goodbye for now.",
    "As you like, {other}. Take care of yourself.",
)

# A price.

SELLER_OPENS = _stock(
    "Good day. You are here about {item}, I take it. Have a look, and take your time.",
    "Hello, and thank you for coming about {item}. Ask me whatever you like.",
    "Hello. I am glad that you asked about {item}. What would you like to know?",
)
BUYER_OPENS = _stock(
    "Good day. I have come about {item}. Is it still to be had?",
    "Hello. I am interested in {item}, if we can agree on a price.",
    "Hello. I have had my eye on {item}. Have you a moment to talk about it?",
)
SELLER_ANSWERS = _stock(
    "Hello. Yes, {item} is still to be had, and you are the first to ask in earnest.",
    "Good day, {other}. By all means, let us talk about {item}.",
    "Hello, {other}. A serious buyer is always welcome.",
)
BUYER_ANSWERS = _stock(
    "Hello, {other}. I know all I need to know, and now it comes down to the price.",
    "Good day, {other}. I have made up my mind that I want it. Let us talk about money.",
    "Hello. It is what I have been looking for, and I hope that we can find a price.",
)
SELLER_ASKS = _stock(
    "I am asking {price} for {item}.",
    "I had {price} in mind, and I think that {item} is worth it.",
    "Let us start at {price}. That is what I would like to see for {item}.",
)
BUYER_BIDS = _stock(
    "I was thinking of {price}.",
    "To begin somewhere: would {price} be enough?",
    "My first thought was {price}. Tell me how that sounds.",
)
SELLER_YIELDS = _stock(
    "That is below what I had hoped for. I could come down to {price}.",
    "You drive a hard bargain. Let me say {price}.",
    "I hear you. For a quick sale I would take {price}.",
    "I would rather it went to you than to nobody. What about {price}?",
    "It is worth more than that to me, {other}. Still, I can do {price}.",
)
BUYER_YIELDS = _stock(
    "That is more than I had set aside. I could go up to {price}.",
    "We are not so far apart. Let me offer {price}.",
    "I can see that it is worth something to you. I would pay {price}.",
    "Let me stretch a little. Would you take {price}?",
    "I do not want to haggle all day, {other}. I can pay {price}, in cash.",
)
MEETS_HALFWAY = _stock(
    "Shall we meet in the middle, at {price}?",
    "Let us split the difference: {price}, and we both go home content.",
    "How about {price}? That is halfway between us.",
)
SELLER_LAST_WORD = _stock(
    "I have little room left. The lowest that I can go is {price}.",
    "Below {price} I would rather keep it. That is my last word.",
    "{price}, {other}, and that is really the end of the road for me.",
)
BUYER_LAST_WORD = _stock(
    "My purse has a bottom, {other}. The most that I can pay is {price}.",
    "Above {price} I have to go without. That is my last word.",
    "{price} is every cent I can spend on it.",
)
ASKS_FOR_A_FIGURE = _stock(
    "What figure did you have in mind, {other}?",
    "Tell me, {other}, where would you draw the line?",
    "I would be glad of a figure from your side.",
)
ACCEPTS_PRICE = _stock(
    "{price} is all right by me. We have a deal, {other}.",
    "Agreed, {price}. I think that is fair to both of us.",
    "At {price} you have a deal.",
    "I can live with {price}. Agreed, {other}.",
)
CONFIRMS_PRICE = _stock(
    "Good, {price} it is, and it is settled. Thank you, {other}.",
    "Then we are agreed on {price}. It was a pleasure, {other}.",
    "Settled at {price}. I am glad that it worked out, {other}.",
)
BUYER_PAYS = _stock(
    "counts out {price} and hands it over",
    "takes {price} from an envelope, counts it twice and passes it across",
)
SELLER_HANDS_OVER = _stock(
    "shakes hands on it with a smile",
    "nods, shakes hands and writes a short receipt for {price}",
)

# Shares of what is to be divided.

CLAIMS = _stock(
    "Let me start with a proposal: I would take {mine}, and {rest}.",
    "What matters to me is quickly said. I would like {mine}, and {rest}.",
    "If I may wish, I would have {mine}, and {rest}.",
    "To put something on the table: I take {mine}, and {rest}.",
)
CLAIMS_ANEW = _stock(
    "That does not quite come out for me. What if I had {mine}, and {rest}?",
    "I see what you are fond of. Suppose I took {mine}, and {rest}?",
    "Let me give way a little. I would take {mine}, and {rest}.",
    "Then another way of cutting it: I get {mine}, and {rest}.",
    "Perhaps this is fairer. I would keep {mine}, and {rest}.",
    "I can do without some of it. Say I have {mine}, and {rest}?",
    "It need not be much. I could live with {mine}, and {rest}.",
    "Let us try once more. For me it would be enough if I got {mine}, and {rest}.",
    "We are getting closer. I take {mine}, and {rest}. How is that?",
)
ACCEPTS_SHARES = _stock(
    "That suits me. I take {mine}, and {rest}. Agreed.",
    "Then it comes out even: I take {mine}, and {rest}. Agreed, {other}.",
    "I can be happy with that. Agreed: I take {mine}, and {rest}.",
)
CONFIRMS_SHARES = _stock(
    "Agreed, and settled. That was easier than I feared. Thank you, {other}.",
    "Good, then it is settled, and nobody goes away empty-handed.",
    "Then we are agreed. Thank you for giving and taking, {other}.",
    "Settled. I am content with that, {other}.",
)
TAKES_SHARE = _stock(
    "gathers up {mine} and sets the rest to one side",
    "begins to sort everything into piles",
)
REST_IS_YOURS = "you would have {rest}"
REST_IS_SHARED = "the rest is for the others"
REST_IS_NOTHING = "that is all there is"

# Somebody whom both know.

DESCRIBES = _stock(
    "I have a friend who {traits}. Does that sound like anyone you know?",
    "One of my friends {traits}. Does that ring a bell?",
    "Somebody I like very much {traits}. Have you ever met anybody like that?",
    "Let me think. There is a friend of mine who {traits}. Could you know them?",
    "Do you happen to know someone who {traits}?",
    "And somebody who {traits}? I know one such person well.",
    "Then I will try another: an old friend who {traits}.",
    "I also see a good deal of somebody who {traits}.",
)
NO_SUCH_FRIEND = _stock(
    "No, that is nobody I know.",
    "That rings no bell, I am sorry.",
    "I wish I did, but no.",
    "No, not among my friends.",
    "Hm, no, that must be somebody else.",
    "Not that I can think of.",
)
GUESSES = _stock(
    "Wait, that sounds familiar. Could that be {friend}?",
    "I know somebody just like that! Is it {friend}?",
    "That can only be {friend}. Am I right?",
)
KNOWS_FRIEND = _stock(
    "Yes, {friend}! Agreed, then: we do have a friend in common.",
    "It is {friend}, of all people. Then it is settled, we share a friend.",
    "You know {friend}, too? Then that question is settled. What a small world!",
)
GLAD_OF_FRIEND = _stock(
    "What a coincidence! Then it is settled: {friend} is a friend of both of us. I will say hello from you.",
    "I would never have thought it. Agreed, {friend} is the one. I must tell the story next time we meet.",
)
WRONG_GUESS = _stock(
    "No, I know nobody called {friend}.",
    "A good guess, but {friend} is not a name I know.",
    "Not {friend}, I am sorry to say.",
)
NO_FRIEND_FOUND = _stock(
    "It seems that our circles never touched. It was fun to search all the same. Take care, {other}.",
    "Perhaps we simply have different friends, {other}. All the best to you.",
    "I am running out of friends to describe, {other}. See you, I hope.",
)

# A time at which all are free.

OFFERS_TIME = _stock(
    "For me it would be {time}. What about you?",
    "I could do {time}. How is that for you?",
    "What about {time}? I am free then.",
    "May I suggest {time}?",
    "How would {time} be?",
)
OFFERS_OTHER_TIME = _stock(
    "I have something on {theirs}. What about {time}?",
    "{theirs} is no good for me, I am sorry to say. Could we say {time}?",
    "On {theirs} I am not free. Would {time} be possible?",
    "Not {theirs}, please. Shall we try {time}?",
)
ACCEPTS_TIME = _stock(
    "{time} suits me. Agreed.",
    "I am free on {time}. Agreed, that works for me.",
    "{time} is fine by me, agreed.",
    "Then let it be {time}. Agreed from my side.",
)
CONFIRMS_TIME = _stock(
    "Settled, then: {time}. I am writing it down.",
    "So it is {time}, and it is settled. See you all then.",
    "Good, {time} is settled. Thank you, {other}.",
)
NO_TIME = _stock(
    "I have no other time to offer. We shall have to leave it there, {other}.",
    "Then I see no day for it, {other}. Let us leave it at that for now, and all the best.",
)

# Wishes of any other kind.

STATES_AIM = _stock(
    "Let me come straight to the point. {aim}.",
    "There is a reason why I wanted to talk. {aim}.",
    "I will be open with you, {other}. {aim}.",
    "You may have guessed it already. {aim}.",
    "Here is what I have been thinking about. {aim}.",
)
STATES_AIM_TOO = _stock(
    "I see where you are coming from. As for me, {aim}.",
    "Thank you for being so open. For my part, {aim}.",
    "I was not expecting that, {other}. To be honest, {aim}.",
    "Good that you say so, {other}. It is like this: {aim}.",
    "I have listened carefully. Now hear my side: {aim}.",
)
SHARES_AIM = _stock(
    "Then we want the same thing, {other}.",
    "You take the words out of my mouth, {other}. I want the same.",
    "That is just what I was going to say, {other}.",
)
KEEPS_AIM_TO_ITSELF = _stock(
    "Nothing much is new with me. Tell me about yourself, {other}.",
    "Before I say anything, {other}, I would like to hear how your day was.",
    "I have a few things on my mind, but you go first. What keeps you busy?",
    "I am in the mood for a quiet talk. What have you been up to, {other}?",
    "I would sooner listen than talk today. What is nearest to your heart just now?",
)
LISTENS = _stock(
    "That comes as a surprise, {other}. Let me think about it for a moment.",
    "I hear you, {other}. I am not sure yet what to say to that.",
    "I see. You have given that some thought, {other}.",
    "So that is what it is about. Go on, {other}, I am listening.",
)
QUESTIONS = _stock(
    "What matters most to you in all this, {other}?",
    "How would you like this to end, if it were only up to you?",
    "What would make it easier for you, {other}?",
    "Is there anything that you could not accept?",
    "What are you most worried about?",
    "How long have you been thinking about this?",
)
ANSWERS = _stock(
    "That is a fair question, {other}. Mostly I want us to get along when this is over.",
    "Hard to say in one sentence. I would not like either of us to feel talked into it.",
    "I have asked myself the same. A plain answer from each of us would already help.",
    "Honestly, {other}, I would be content with a small step in the right direction.",
    "It is not everything or nothing for me. There is some room.",
    "I need a little time to say it well. Let me put it this way: I would like to do right by both of us.",
)
SMALL_ANSWERS = _stock(
    "Oh, this and that, {other}. Nothing worth a story.",
    "I would have to think about it. On the whole I cannot complain.",
    "The usual: work, sleep, and a walk when it is dry.",
    "You would laugh if I told you, {other}. I keep busy, one way or another.",
    "Better than yesterday, thank you for asking.",
    "Something small, {other}: somebody held a door for me and smiled.",
)
REFLECTIONS = _stock(
    "I had not looked at it from that side before.",
    "You have a point there, {other}, and I do not want to brush it aside.",
    "We both want something reasonable, as far as I can see.",
    "I am listening. It helps to hear you say it.",
    "That is easier to understand when one hears it in person.",
)
NODS = _stock(
    "I know what you mean.",
    "I can imagine.",
    "Is that so? Well.",
    "It does one good to hear that.",
    "That sounds familiar, {other}.",
)
SMALL_TALK = _stock(
    "It is a while since I talked to anybody so calmly.",
    "I slept badly, but the day has been kind so far. And yours, {other}?",
    "It has been a long week. I am glad of a quiet conversation.",
    "What was the best thing that happened to you this week, {other}?",
    "Some days nothing goes to plan, and then the evening makes up for it.",
    "I like a conversation that does not have to lead anywhere.",
    "Tell me a story, {other}, the way you would tell it at home.",
    "I have been meaning to take a day for myself, and never do.",
    "People say that the weather will turn. I will believe it when I see it.",
)
COMPROMISES: dict[str, Stock] = {
    "giving": _stock(
        "Suppose it begins with a small sum, and we look at it again in a month?",
        "What if the money went in two halves: one now, one when it is clear what becomes of it?",
        "How about a sum that nobody misses, given once and gladly?",
        "Suppose we ask first where the money goes, and then name a figure?",
        "What if it were a little time instead of money, at least to begin with?",
    ),
    "choice": _stock(
        "Suppose we do it your way today and mine the next time?",
        "What if one of us chooses and the other gets the first pick next week?",
        "How about half an hour of each, and then we see who was right?",
        "Shall we toss for it, and the loser brings the snacks?",
        "Suppose we look for something that neither of us has thought of yet?",
    ),
    "quiet": _stock(
        "Suppose we fix hours for it: some that are yours, and some that are mine?",
        "What if some evenings are yours and some are mine, and we write them on the door?",
        "How about a trial of two weeks, and then we talk again?",
        "Suppose we each give a little: not never, but not always either?",
        "What if there were a sign between us, and whoever needs a pause gives it?",
    ),
    "amends": _stock(
        "What if something concrete were done to put it right, and we started afresh from there?",
        "Suppose we say openly what went wrong, and then let it rest?",
        "How about giving it a week, and then talking once more, quietly?",
        "What if we each say one thing that we would do differently, and leave it at one?",
        "Suppose we begin again tomorrow, with this said and out of the way?",
    ),
    "help": _stock(
        "Suppose I help you now, and you help me when my turn comes?",
        "What if we share the work: you do one half of it, I do the other?",
        "How about this: we try it together for an hour, and then decide?",
        "Suppose we ask a third person to lend a hand, so that it falls on neither of us alone?",
        "What if we do the urgent part now, and leave the rest for a better day?",
    ),
    "closeness": _stock(
        "Suppose we take it slowly, and simply see each other more often?",
        "What if we promise to be honest, and hurry nothing?",
        "How about a walk together this week, without any plans beyond it?",
        "Suppose we leave some things open, and talk again when we both feel ready?",
        "What if we agree that nothing between us has to change today?",
    ),
    "any": _stock(
        "Suppose we meet halfway: you get a part of what you want, and so do I?",
        "What if we try it your way first, and change it if it does not work?",
        "How about a small step now, and the rest once we have both slept on it?",
        "Suppose we each give up the one thing that matters least to us?",
        "What if each of us names one thing that has to be, and we are generous about the rest?",
    ),
}
ACCEPTS_PLAN = _stock(
    "That sounds fair. Agreed, {other}.",
    "I can live with that. Agreed.",
    "Yes, let us do it that way. Agreed, {other}.",
    "That works for me, and I think it does you credit.",
    "All right by me, {other}. I would not have thought of it.",
)
CONFIRMS_PLAN = _stock(
    "Good, then it is settled. Thank you, {other}.",
    "Then we are agreed. I feel better already.",
    "Agreed. I am glad that we found something, {other}.",
    "Settled, then. It was good to talk about it.",
)
DECLINES_PLAN = _stock(
    "I do not quite see my way to that yet, {other}.",
    "That goes a little too far for me, I am sorry to say.",
    "I cannot promise that, {other}, as much as I would like to.",
    "It is kindly meant, but not for me.",
)

# Without words.

GESTURES = _stock(
    "nods slowly",
    "smiles and takes a moment to think",
    "looks away for a moment, then back again",
    "leans in to listen",
    "tilts the head and waits",
    "lets out a quiet breath",
    "folds both hands and considers",
)
DEEDS = _stock(
    "straightens up and takes a step closer",
    "makes room for the other",
    "puts everything else aside to listen",
    "looks at the time and then puts the thought away",
)
