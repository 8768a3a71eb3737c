"""The phrases that generate_judgements.py combines: topics to ask about and criteria to judge by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """A question with one open slot, what may stand in the slot, and four points that a good answer makes."""

    question: str
    slot: tuple[str, ...]
    points: tuple[str, str, str, str]


@dataclass(frozen=True)
class Criterion:
    """A rubric: its question, the descriptions of the scores 1 to 5, and what feedback says at each score."""

    question: str
    descriptions: tuple[str, str, str, str, str]
    verdicts: tuple[str, str, str, str, str]


TOPICS = (
    Topic(
        "How do I keep {} alive on a windowsill that faces north?",
        ("basil", "a fern", "mint", "a young lemon tree"),
        (
            "Turn the pot a quarter each week so that every side gets light.",
            "Water only when the top of the soil is dry to the touch.",
            "Move it away from the cold pane on winter nights.",
            "Use a pot with a hole, so that the roots never stand in water.",
        ),
    ),
    Topic(
        "Explain to {} why the sky is blue.",
        ("a child of six", "a class of beginners", "a curious neighbour", "a painter"),
        (
            "Sunlight holds all colours, although it looks white.",
            "Air scatters short waves far more than long ones.",
            "Blue has short waves, so it reaches us from every direction.",
            "At sunset the path is longer and mostly red is left.",
        ),
    ),
    Topic(
        "My program in {} gets slower every hour. How do I find out why?",
        ("Python", "Java", "Go", "JavaScript"),
        (
            "Plot memory over time first, to see whether it grows without end.",
            "Take two heap snapshots an hour apart and compare them.",
            "Look for caches and lists that are only ever added to.",
            "Repeat the test with one part switched off at a time.",
        ),
    ),
    Topic(
        "Plan a dinner for {} people with one oven and little money.",
        ("six", "eight", "ten", "twelve"),
        (
            "Choose one large dish that cooks slowly, such as a bean stew.",
            "Bake the bread in the morning and warm it at the end.",
            "Buy vegetables that are in season and cost little.",
            "Make a cold dessert the day before, so that the oven is free.",
        ),
    ),
    Topic(
        "What should I check before I buy a used {}?",
        ("bicycle", "piano", "laptop", "camera"),
        (
            "Ask for the first receipt and compare the serial number.",
            "Try every moving part yourself, slowly and then fast.",
            "Look for repairs and ask who made them.",
            "Find out what the wearing parts cost to replace.",
        ),
    ),
    Topic(
        "Write a short notice that tells {} that the water is off on Monday.",
        ("tenants", "guests of a hotel", "parents of a school", "the staff of an office"),
        (
            "It names the day and the hours, nine to one.",
            "It says the reason in a few plain words.",
            "It advises to fill a jug the evening before.",
            "It gives a telephone number for questions.",
        ),
    ),
    Topic(
        "I have {} to prepare for an exam in statistics. How do I use the time?",
        ("two days", "one week", "three weeks", "a month"),
        (
            "Solve an old paper at once to learn where the gaps are.",
            "Give the weakest subject the first hour of each day.",
            "Write each formula on a card and say aloud when it applies.",
            "Keep the last evening free and sleep enough.",
        ),
    ),
    Topic(
        "Describe how {} works to someone who has never seen one.",
        ("a lock on a canal", "a sewing machine", "a refrigerator", "a wind turbine"),
        (
            "Begin with what goes in and what comes out.",
            "Follow one cycle from its start to its end in order.",
            "Compare the main part with an object from the kitchen.",
            "Say what would happen if the main part were missing.",
        ),
    ),
    Topic(
        "How can {} save energy in winter without feeling cold?",
        ("a family", "a small shop", "a library", "a sports club"),
        (
            "Seal the gaps round windows and doors before anything else.",
            "Lower the heating by one degree and watch the meter.",
            "Air the rooms for five minutes with the windows wide open.",
            "Heat the rooms in use and close the doors of the others.",
        ),
    ),
    Topic(
        "Give advice to {} who has to speak in public for the first time.",
        ("a student", "a nurse", "an engineer", "a new manager"),
        (
            "Learn the first two sentences by heart and nothing else.",
            "Rehearse standing up, with a clock, before one listener.",
            "Put one idea on each slide and few words.",
            "Pause after each part and look at the last row.",
        ),
    ),
    Topic(
        "Summarise the trade-offs of working {} for a team of five.",
        ("from home", "in shifts", "four days a week", "in one open room"),
        (
            "It changes who can be reached and at what hour.",
            "Quiet work gains, quick questions lose.",
            "Costs move between the firm and its people.",
            "A trial of two months shows what suits the team.",
        ),
    ),
    Topic(
        "Which steps help to learn {} as an adult?",
        ("a new language", "to swim", "to read music", "to draw"),
        (
            "Practise a quarter of an hour each day and not three hours on Sunday.",
            "Copy good models before you try to be original.",
            "Record yourself and compare once a month.",
            "Find a partner who notices when you stop.",
        ),
    ),
)

CRITERIA = (
    Criterion(
        "Are the steps concrete enough to be followed?",
        (
            "No step is named.",
            "One step is named, the rest stays vague.",
            "Some steps are concrete, others can't be followed.",
            "Nearly every step can be followed at once.",
            "Every step can be followed at once.",
        ),
        (
            "A reader would not know what to do.",
            "A reader could begin but would soon be lost.",
            "A reader could follow about half of it.",
            "A reader could follow nearly all of it.",
            "A reader could follow all of it without asking.",
        ),
    ),
    Criterion(
        "Does the response cover what matters for the question?",
        (
            "It covers nothing that matters.",
            "It covers one matter and misses the others.",
            "It covers half of what matters.",
            "It covers most of what matters, with one gap.",
            "It covers all that matters.",
        ),
        (
            "The question is left open.",
            "Most of the question is left open.",
            "Half of the question is answered.",
            "One gap is left in a sound answer.",
            "The question is answered in full.",
        ),
    ),
    Criterion(
        "Is the tone helpful and free of empty phrases?",
        (
            "The tone is empty throughout.",
            "The tone is mostly empty, with one helpful remark.",
            "Helpful remarks and empty phrases balance.",
            "The tone is helpful, with few empty phrases.",
            "The tone is helpful in every sentence.",
        ),
        (
            "The phrases are empty and help nobody.",
            "One remark helps, the others are empty.",
            "Some remarks help, some are empty.",
            "The remarks help, with little that is empty.",
            "Each remark helps and none is empty.",
        ),
    ),
    Criterion(
        "Does the response reason well and give grounds?",
        (
            "There are no grounds at all.",
            "Grounds are hinted at once.",
            "There are grounds for about half of the claims.",
            "There are grounds for most claims.",
            "There are sound grounds for every claim.",
        ),
        (
            "Nothing is argued for.",
            "Only one claim has a ground.",
            "About half of the claims have a ground.",
            "Most claims have a ground.",
            "All claims have a sound ground.",
        ),
    ),
    Criterion(
        "Would a beginner understand the response?",
        (
            "A beginner would understand nothing of use.",
            "A beginner would understand a small part.",
            "A beginner would understand half.",
            "A beginner would understand nearly everything.",
            "A beginner would understand everything.",
        ),
        (
            "It offers a beginner nothing to hold on to.",
            "It offers a beginner a single hold.",
            "It takes a beginner half of the way.",
            "It takes a beginner nearly all of the way.",
            "It takes a beginner all of the way.",
        ),
    ),
)

FILLERS = (
    "That depends on many things.",
    "There is a lot to say about this.",
    "Opinions differ here.",
    "It is an interesting question.",
    "Just try and see what happens.",
)

OPENINGS = ("Here is what I would do.", "Some thoughts on this.", "Let me answer that.", "In short:")
